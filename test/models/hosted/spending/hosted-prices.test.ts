import { describe, expect, it } from 'vitest';
import { findHostedRate, priceTokens } from '../../../../src/models/hosted/spending/hosted-prices.js';

const official = 'https://api.openai.com/v1';
const mini = { text: 'openai:gpt-4.1-mini-2025-04-14', model: 'gpt-4.1-mini-2025-04-14' };

describe('prices of hosted models', () => {
  it('are those of the list at the address of OpenAI alone', () => {
    expect(findHostedRate(mini, official, {}, 'model')).toMatchObject({ input: 0.4, output: 1.6, batch: 0.5 });
    expect(findHostedRate(mini, official, {}, 'training')).toMatchObject({ input: 5, output: 0 });
    const tuned = findHostedRate(mini, official, {}, 'tuned');
    expect(tuned).toMatchObject({ input: 0.8, output: 3.2 });
    expect(tuned?.batch).toBeUndefined();
    for (const kind of ['model', 'training', 'tuned'] as const)
      expect(findHostedRate(mini, 'http://127.0.0.1:1/v1', {}, kind)).toBeNull();
    // Of models that cannot be fine-tuned under this name no price is guessed.
    const alias = { text: 'openai:gpt-4.1-mini', model: 'gpt-4.1-mini' };
    expect(findHostedRate(alias, official, {}, 'tuned')).toBeNull();
  });

  it('are those that the user gives, before the list', () => {
    const given = { [mini.text]: { input: 1, output: 2, batch: 0.25 } };
    for (const kind of ['model', 'tuned'] as const)
      expect(findHostedRate(mini, official, given, kind)).toEqual({
        input: 1,
        output: 2,
        batch: 0.25,
        source: 'the plan',
      });
    expect(findHostedRate(mini, official, given, 'training')).toBeNull();
  });

  it('are for a million tokens, and less in batches where that is known', () => {
    const tokens = { input: 2_000_000, output: 500_000 };
    expect(priceTokens({ input: 1, output: 4 }, tokens)).toBe(4);
    expect(priceTokens({ input: 1, output: 4, batch: 0.5 }, tokens, true)).toBe(2);
    expect(priceTokens({ input: 1, output: 4 }, tokens, true)).toBe(4);
  });
});
