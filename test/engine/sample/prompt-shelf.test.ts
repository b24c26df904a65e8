import { describe, expect, it } from 'vitest';

import { PromptShelf, type ShelvedPrompt } from '../../../src/engine/sample/prompt-shelf.js';
import { sampleRequestSchema, type ParsedSampleRequest } from '../../../src/engine/sample/sample-request.js';

const request = (length: number, changes: Partial<ParsedSampleRequest> = {}): ParsedSampleRequest =>
  sampleRequestSchema.parse({ prompt: Array.from({ length }, (_, id) => id), seed: 0, ...changes });

function compute(prompt: ShelvedPrompt): ShelvedPrompt {
  prompt.prefilled ??= { prefix: null, logProbabilities: prompt.logProbabilities ? [] : null };
  return prompt;
}

it('gives requests of one prompt one prompt, which wants what any of them wants', () => {
  const shelf = new PromptShelf(0);
  const first = shelf.claim(request(3));
  const second = shelf.claim(request(3, { promptLogProbabilities: true, topLogProbabilities: 2 }));
  expect(shelf.claim(request(4))).not.toBe(first);
  expect(second).toBe(first);
  expect(first).toMatchObject({ logProbabilities: true, topLogProbabilities: 2, claims: 2 });
});

it('computes again what was computed without something that is wanted now', () => {
  const shelf = new PromptShelf(100);
  const first = compute(shelf.claim(request(3)));
  const more = shelf.claim(request(3, { promptLogProbabilities: true }));
  expect(more).not.toBe(first);
  expect(compute(more).logProbabilities).toBe(true);
  shelf.release(first);
  shelf.release(more);
  expect(shelf.claim(request(3))).toBe(more);
});

it('keeps the prompts that were used last, up to so many tokens', () => {
  const shelf = new PromptShelf(10);
  const [four, five, six] = [4, 5, 6].map((length) => compute(shelf.claim(request(length)))) as [
    ShelvedPrompt,
    ShelvedPrompt,
    ShelvedPrompt,
  ];
  shelf.release(four);
  shelf.release(five);
  expect(shelf.claim(request(4))).toBe(four);
  shelf.release(four);
  shelf.release(six);
  expect(shelf.claim(request(4))).toBe(four);
  expect(shelf.claim(request(6))).toBe(six);
  expect(shelf.claim(request(5))).not.toBe(five);
});

describe('a prompt at which keys and values are given', () => {
  const tensor = () => ({ shape: [1, 1, 3, 1], data: new Float32Array(3) });
  const [keys, values] = [tensor(), tensor()];

  it('is another one where others are given, or at other positions', () => {
    const shelf = new PromptShelf(0);
    const given = { positions: [0, 1], keys, values };
    const first = shelf.claim(request(3, { override: given }));
    expect(first.override).toEqual(given);
    expect(shelf.claim(request(3, { override: { ...given } }))).toBe(first);
    const others = [
      undefined,
      { ...given, positions: [0] },
      { ...given, keys: tensor() },
      { ...given, values: tensor() },
    ];
    const claimed = others.map((override) => shelf.claim(request(3, override === undefined ? {} : { override })));
    expect(new Set([first, ...claimed]).size).toBe(5);
  });

  it('is not kept, for nothing later can be given the same', () => {
    const shelf = new PromptShelf(100);
    const given = compute(shelf.claim(request(3, { override: { positions: [0], keys, values } })));
    shelf.release(given);
    expect(shelf.claim(request(3, { override: { positions: [0], keys, values } }))).not.toBe(given);
  });
});

it('keeps neither what was never computed nor what is longer than all that is kept', () => {
  const shelf = new PromptShelf(10);
  const never = shelf.claim(request(3));
  const long = compute(shelf.claim(request(11)));
  shelf.release(never);
  shelf.release(long);
  expect(shelf.claim(request(3))).not.toBe(never);
  expect(shelf.claim(request(11))).not.toBe(long);
  const nothingKept = new PromptShelf(0);
  const one = compute(nothingKept.claim(request(3)));
  nothingKept.release(one);
  expect(nothingKept.claim(request(3))).not.toBe(one);
});
