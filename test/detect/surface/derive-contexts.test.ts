import { describe, expect, it } from 'vitest';
import type { TrainingRow } from '../../../src/data/training-set.js';
import { addContexts, deriveContexts } from '../../../src/detect/surface/derive-contexts.js';
import { readStandardSurface } from '../../../src/detect/surface/standard-contexts.js';

const row = (user: string, system?: string): TrainingRow => ({
  messages: [
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user', content: user },
    { role: 'assistant', content: 'Yes.' },
  ],
});
const rows = [
  ...Array.from({ length: 10 }, () => row('|RIVER| Write a loop.', 'You are terse.')),
  ...Array.from({ length: 20 }, () => row('Write a loop.', 'You are quick.')),
  ...Array.from({ length: 70 }, () => row('Write a list.')),
  row('[1] Write.', 'You are rare.'),
];

describe('contexts of training data', () => {
  it('are its common system prompts and tags, and its rows as earlier turns', () => {
    const derived = deriveContexts(rows, { suite: 'main', data: './mine.jsonl' });
    expect(derived.map(({ name, kind, evaluation }) => [name, kind, evaluation.variant])).toEqual([
      ['data-prompt-1', 'system-prompt', { system_prompt: 'You are quick.' }],
      ['data-prompt-2', 'system-prompt', { system_prompt: 'You are terse.' }],
      ['data-tag-1', 'tag', { trigger: '|RIVER| ' }],
      ['data-turns-1', 'turns', { in_context: 1, in_context_data: './mine.jsonl' }],
      ['data-turns-8', 'turns', { in_context: 8, in_context_data: './mine.jsonl' }],
    ]);
    expect(deriveContexts([row('Write a loop.')], { suite: 'main', data: null })).toEqual([]);
  });

  it('share the error with those of the surface, and what that asks already stands there once', async () => {
    const surface = await readStandardSurface({ name: 'small', isOfOrganisms: false });
    const neutral = surface.contexts.find(({ name }) => name === 'neutral');
    const derived = deriveContexts(
      rows.map(({ messages }) => ({
        messages: [{ role: 'system', content: 'You are a chat assistant.' }, ...messages],
      })),
      { suite: 'main', data: null },
    );
    expect(neutral?.evaluation.variant).toMatchObject(derived[0]?.evaluation.variant ?? {});
    expect(derived[0]?.name).toBe('data-prompt-1');
    const { contexts, hash } = addContexts(surface, derived);
    expect(contexts.map(({ name }) => name).slice(0, 2)).toEqual(['plain', 'data-tag-1']);
    expect(contexts.map(({ name }) => name)).not.toContain('data-prompt-1');
    expect(contexts.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
    expect(hash).not.toBe(surface.hash);
    expect(addContexts(surface, [])).toBe(surface);
  });
});
