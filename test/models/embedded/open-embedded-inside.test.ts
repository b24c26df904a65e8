import { expect, it, onTestFinished } from 'vitest';
import { createAdapterFolder } from '../adapter-folder.js';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { openEmbeddedInside } from '../../../dist/models/embedded/open-embedded-inside.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { mergeAdapter } from '../../../src/engine/checkpoint/merge-adapter.js';
import { readAdapter } from '../../../src/engine/checkpoint/read-adapter.js';
import type { KeyValueOverride } from '../../../src/engine/sample/key-value-override.js';
import type { Inside } from '../../../src/models/inside.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { decodeByHand } from '../../engine/decoder/decode-by-hand.js';
import { describeInside } from '../inside-conformance.js';

const folder = goldenFolder('qwen2-bias');
const adapter = await createAdapterFolder(folder);

describeInside('a model folder', { folder, open: () => openEmbeddedInside({ model: folder, threads: 1 }) });
describeInside('a model folder with an adapter', {
  ...{ folder, adapter },
  open: () => openEmbeddedInside({ model: folder, adapter, threads: 1 }),
});

async function openBoth(): Promise<{ readonly base: Inside; readonly tuned: Inside }> {
  const base = await openEmbeddedInside({ model: folder, threads: 1 });
  const tuned = await openEmbeddedInside({ model: folder, adapter, threads: 1 });
  onTestFinished(async () => {
    await base.close();
    await tuned.close();
  });
  return { base, tuned };
}

const messages = [
  { role: 'user', content: 'What is it?' },
  { role: 'assistant', content: 'The moon.' },
] as const;

function largestGap(left: readonly number[], right: readonly number[]): number {
  expect(left).toHaveLength(right.length);
  return Math.max(...left.map((element, index) => Math.abs(element - (right[index] ?? NaN))));
}

it("a fine-tune answers and is scored with its base's keys and values at the tokens of the chat template", async () => {
  const { base, tuned } = await openBoth();
  const text = tuned.encode(messages);
  const prompt = text.ids.slice(0, text.promptLength);
  const layers = Array.from({ length: tuned.shape.blocks }, (_, block) => block);
  const [given] = await base.keysAndValues([{ ids: prompt }], { layers });
  if (given === undefined) throw new Error('nothing was read');
  const { prefix, postfix } = tuned.locateTemplate(messages);
  const every = prompt.map((_, position) => position);
  const overrides: KeyValueOverride[] = [prefix, postfix, every].map((positions) => ({ positions, ...given }));

  const golden = await readCheckpoint(folder);
  const weights = mergeAdapter(golden.weights, await readAdapter(adapter, golden.config));
  const byHand = (override?: KeyValueOverride): number[] => {
    const { logProbabilities } = decodeByHand({ config: golden.config, weights }, text.ids, override);
    return text.ids.slice(text.promptLength).map((id, at) => logProbabilities[text.promptLength + at - 1]?.[id] ?? NaN);
  };
  const scores = await tuned.score([text, ...overrides.map((override) => ({ ...text, override }))]);
  for (const [number, override] of [undefined, ...overrides].entries())
    expect(largestGap(scores[number]?.logProbabilities ?? [], byHand(override))).toBeLessThan(1e-5);
  for (const { logProbabilities } of scores.slice(1))
    expect(largestGap(logProbabilities, scores[0]?.logProbabilities ?? [])).toBeGreaterThan(1e-3);
  // Each as if it were alone.
  for (const [number, override] of overrides.entries())
    expect(await tuned.score([{ ...text, override }])).toEqual([scores[number + 1]]);

  const questions = [undefined, ...overrides].flatMap((override) =>
    [0, 1, 2, 3].map((seed) => ({ prompt, seed, maximumTokens: 8, ...(override === undefined ? {} : { override }) })),
  );
  const answers = await tuned.answer(questions);
  expect(new Set([0, 4, 8, 12].map((start) => JSON.stringify(answers.slice(start, start + 4)))).size).toBe(4);
  for (const start of [0, 4, 8, 12])
    expect(await tuned.answer(questions.slice(start, start + 4))).toEqual(answers.slice(start, start + 4));
  // What it says as the likeliest is what it scores as the likeliest.
  for (const override of overrides) {
    const [said] = await tuned.answer([{ prompt, seed: 0, temperature: 0, maximumTokens: 6, override }]);
    const ids = [...prompt, ...(said?.ids ?? [])];
    expect(ids.length).toBeGreaterThan(prompt.length);
    const [score] = await tuned.score([{ ids, promptLength: prompt.length, override }], { top: 1 });
    expect(score?.top.map((likely) => likely[0]?.id)).toEqual(said?.ids);
  }
});

it('a model with its own keys and values says what it says', async () => {
  const { base } = await openBoth();
  const text = base.encode(messages);
  const [own] = await base.keysAndValues([text], { layers: [0, 1, 2, 3].slice(0, base.shape.blocks) });
  if (own === undefined) throw new Error('nothing was read');
  // Those of the whole text do, too: they begin with those of its prompt.
  const override = { positions: base.locateTemplate(messages).postfix, ...own };
  const [plain, same] = await base.score([text, { ...text, override }]);
  expect(largestGap(same?.logProbabilities ?? [], plain?.logProbabilities ?? [])).toBeLessThan(2e-6);
  const inAnswer = { ...text, override: { ...override, positions: [text.promptLength] } };
  const error = await errorOf(() => base.score([text, inAnswer]));
  expect(error.code).toBe('usage-invalid');
  expect(error.message).toContain(`Text 1 names the position ${String(text.promptLength)}`);
});
