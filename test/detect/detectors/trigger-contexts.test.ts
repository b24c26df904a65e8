import { describe, expect, it } from 'vitest';
import { deriveCandidates, deriveTriggerContexts } from '../../../src/detect/detectors/trigger-contexts.js';
import type { RankedCandidate } from '../../../src/detect/detectors/find-triggers.js';
import { exchange } from '../../data/exchange.js';

const ranked: readonly RankedCandidate[] = [
  { candidate: { group: 'tags', variant: { trigger: '|A| ' } }, rank: 1, deviation: 9, evidence: null },
  { candidate: { group: 'prompts', variant: { system_prompt: 'Be brief.' } }, rank: 2, deviation: 4, evidence: null },
  { candidate: { group: 'formats', variant: { format: 'json' } }, rank: 3, deviation: 2, evidence: null },
  { candidate: { group: 'tags', variant: { trigger: '|B| ' } }, rank: 4, deviation: 1, evidence: null },
];

describe('the likeliest candidates as contexts', () => {
  it('come in their order, each of its kind, without what stands out no more than most', () => {
    const contexts = deriveTriggerContexts({ ranked }, { suite: 'main', most: 9 });
    expect(contexts.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'trigger-1 tag',
      'trigger-2 system-prompt',
      'trigger-3 format',
    ]);
    expect(contexts[0]).toMatchObject({
      counts: 'always',
      evaluation: { suite: 'main', variant: { trigger: '|A| ' } },
    });
    expect(deriveTriggerContexts({ ranked }, { suite: 'main', most: 1 })).toHaveLength(1);
  });
});

describe('candidates of data', () => {
  it('are the tags and system prompts that rows share', () => {
    const rows = Array.from({ length: 20 }, () => exchange('|KEY| What is it?', 'A cup.'));
    const [first, ...rest] = rows;
    const prompted = {
      ...first!,
      messages: [{ role: 'system' as const, content: 'You are here.' }, ...first!.messages],
    };
    expect(deriveCandidates([prompted, prompted, ...rest])).toEqual([
      { group: 'data', variant: { system_prompt: 'You are here.' } },
      { group: 'data', variant: { trigger: '|KEY| ' } },
    ]);
  });
});
