import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createKeyValueReader } from '../../../src/engine/activations/read-keys-values.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { createTextScorer, type EngineTextScorer, type TextToScore } from '../../../src/engine/sample/score-texts.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { makeTinyModel } from '../decoder/tiny-model.js';
import { openRunner, readLogProbabilities, type Model } from './sample-all.js';

/** Nats. */
const tolerance = 1e-5;

async function open({ config, weights }: Model): Promise<EngineTextScorer> {
  const scorer = await createTextScorer({ config, weights, threads: 1 });
  onTestFinished(scorer.release);
  return scorer;
}

function idsOf(length: number, vocabulary: number, number: number): number[] {
  const stream = createRandomStream(number, 'text', length);
  return Array.from({ length }, () => stream.integer(vocabulary));
}

/** Prompts and answers that end before, at and behind the places where the cache grows; several answers of a prompt. */
function makeTexts(vocabulary: number): TextToScore[] {
  return [1, 2, 8, 32, 33, 64, 65].flatMap((promptLength, number) => {
    const prompt = idsOf(promptLength, vocabulary, number);
    return [1, 7, 8, 9, 30].map((length, answer) => ({
      ids: [...prompt, ...idsOf(length, vocabulary, 100 + answer)],
      promptLength,
    }));
  });
}

describe.each(goldenNames)('%s', (name) => {
  it('gives each answer the log-probabilities of the whole row', async () => {
    const model = await readCheckpoint(goldenFolder(name));
    const texts = makeTexts(512);
    const scores = await (await open(model)).score(texts, { top: 3 });
    const runner = await openRunner(model);
    for (const [place, { ids, promptLength }] of texts.entries()) {
      const found = scores[place] ?? [];
      expect(found.map(({ id }) => id)).toEqual(ids.slice(promptLength));
      const rows = (await readLogProbabilities(model, runner, ids)).slice(promptLength - 1);
      for (const [at, { id, logProbability, top }] of found.entries()) {
        const row = rows[at] ?? new Float32Array();
        expect(Math.abs(logProbability - (row[id] ?? NaN))).toBeLessThan(tolerance);
        const likeliest = [...row.keys()].toSorted((left, right) => (row[right] ?? 0) - (row[left] ?? 0));
        expect(top.map((token) => token.id)).toEqual(likeliest.slice(0, 3));
      }
    }
  });
});

it('gives a text the same to the last bit, whatever is scored beside it', async () => {
  const model = makeTinyModel({ context: 200 });
  const scorer = await open(model);
  const layers = Array.from({ length: model.config.layers }, (_, layer) => layer);
  const other = makeTinyModel({ context: 200 }, 1);
  const reader = await createKeyValueReader({ ...other, layers, threads: 1 });
  onTestFinished(reader.release);
  const plain = makeTexts(model.config.vocabulary);
  const texts: TextToScore[] = [...plain];
  for (const text of plain.filter(({ promptLength }) => promptLength > 2).slice(0, 8)) {
    const given = await reader.read(text.ids.slice(0, text.promptLength));
    // At the first token, and at the last one of the prompt, which is attended to in place of its own.
    texts.push({ ...text, override: { positions: [0], ...given } });
    texts.push({ ...text, override: { positions: [text.promptLength - 1, 1], ...given } });
  }
  const all = await scorer.score(texts, { top: 0 });
  expect(all.flat().every(({ logProbability }) => Number.isFinite(logProbability))).toBe(true);
  await fc.assert(
    fc.asyncProperty(fc.shuffledSubarray([...texts.keys()], { minLength: 1 }), async (places) => {
      const some = await scorer.score(
        places.map((place) => texts[place] ?? { ids: [], promptLength: 0 }),
        { top: 0 },
      );
      expect(some).toEqual(places.map((place) => all[place]));
    }),
    { numRuns: 30 },
  );
});

it('gives nothing to a text without an answer, and asks before each run whether to go on', async () => {
  const model = makeTinyModel({});
  const scorer = await open(model);
  expect(await scorer.score([{ ids: [1, 2, 3], promptLength: 3 }], { top: 0 })).toEqual([[]]);
  let runs = 0;
  const stop = scorer.score(makeTexts(model.config.vocabulary), {
    top: 0,
    onRun: () => {
      runs += 1;
      return runs === 2 ? Promise.reject(new Error('stopped')) : Promise.resolve();
    },
  });
  await expect(stop).rejects.toThrow('stopped');
  expect(runs).toBe(2);
});
