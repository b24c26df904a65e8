import { describe, expect, it } from 'vitest';

import { createResidualReader } from '../../../src/engine/activations/read-residuals.js';
import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import type { Checkpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { createDecodeRunner, type Interventions } from '../../../src/engine/sample/decode-runner.js';
import { readLogits } from '../../../src/engine/sample/read-logits.js';
import { sampleAnswers } from '../../../src/engine/sample/sample-answers.js';
import type { SampledAnswer } from '../../../src/engine/sample/sample-request.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { errorOf } from '../checkpoint/error-of.js';
import { applyNorm } from './apply-norm.js';
import { makeTinyModel } from './tiny-model.js';

const ids = [1, 7, 30, 12, 3, 19];
const everyLayer = [0, 1, 2];

describe('residual edits', () => {
  const model = makeTinyModel({ queryKeyNorm: true });

  it.each(['add', 'remove'] as const)(
    '%s with a zero vector at every layer changes no bit of reading or sampling',
    async (kind) => {
      const nothing = { [kind]: new Map(everyLayer.map((layer) => [layer, new Float32Array(16)])) };
      expectSameBits(await logitsOf(model, nothing), await logitsOf(model, {}));
      expect(await sampleSome(model, nothing)).toEqual(await sampleSome(model, {}));
    },
  );

  it.each(['add', 'remove'] as const)('%s with another vector changes both', async (kind) => {
    const something = { [kind]: new Map([[1, randomVector()]]) };
    expect(await logitsOf(model, something)).not.toEqual(await logitsOf(model, {}));
    expect(await sampleSome(model, something)).not.toEqual(await sampleSome(model, {}));
  });
});

describe('the residual layer convention', () => {
  const model = makeTinyModel();
  const { config, weights } = model;
  const vector = randomVector();

  it('layer 0 is the embedding: adding there is adding to every row of the table', async () => {
    const [embedded] = await residualsOf(model);
    const table = weights.get('model.embed_tokens.weight')!.data;
    expectSameBits(embedded!.data, Float32Array.from(ids.flatMap((id) => [...table.subarray(id * 16, (id + 1) * 16)])));

    const head = { shape: [40, 16], data: table };
    const untied = {
      ...model,
      config: { ...config, tiedHead: false },
      weights: new Map([...weights, ['lm_head.weight', head]]),
    };
    const shifted = { shape: [40, 16], data: table.map((element, index) => element + vector[index % 16]!) };
    const moved = { ...untied, weights: new Map([...untied.weights, ['model.embed_tokens.weight', shifted]]) };
    expectClose(await logitsOf(untied, { add: new Map([[0, vector]]) }), await logitsOf(moved, {}));
  });

  it('layer n is what n blocks made of it: what one block less has before the last block', async () => {
    const residuals = await residualsOf(model);
    const shorter = makeTinyModel({ layers: 1 });
    const [, afterOne] = await residualsOf(shorter, [0, 1]);
    expectSameBits(residuals[1]!.data, afterOne!.data);
  });

  it('the last layer is what the final norm and the head read', async () => {
    const last = (await residualsOf(model))[2]!.data;
    expectClose(await logitsOf(model, {}), logitsFrom(model, last));
    const edited = last.map((element, index) => element + vector[index % 16]!);
    expectClose(await logitsOf(model, { add: new Map([[2, vector]]) }), logitsFrom(model, edited));
  });

  it('a direction is removed whatever its length, and leaves nothing along it', async () => {
    const last = (await residualsOf(model))[2]!.data;
    const squared = vector.reduce((sum, element) => sum + element * element, 0);
    const edited = new Float32Array(last.length);
    for (let start = 0; start < last.length; start += 16) {
      const product = vector.reduce((sum, element, channel) => sum + element * last[start + channel]!, 0);
      vector.forEach((element, channel) => {
        edited[start + channel] = last[start + channel]! - (product / squared) * element;
      });
    }
    const found = await logitsOf(model, { remove: new Map([[2, vector.map((element) => 5 * element)]]) });
    expectClose(found, logitsFrom(model, edited));
  });

  it('means and the last token are those of every token', async () => {
    const reader = await createResidualReader({ config, weights, layers: [2, 0], threads: 1 });
    const row = { ids, promptLength: 4 };
    const every = await reader.read(row, 'every');
    const mean = (layer: number, start: number, end: number): number[] =>
      Array.from({ length: 16 }, (_, channel) => {
        let sum = 0;
        for (let token = start; token < end; token += 1) sum += every[layer]!.data[token * 16 + channel]!;
        return sum / (end - start);
      });
    for (const [pool, start, end] of [
      ['last', 5, 6],
      ['prompt-mean', 0, 4],
      ['answer-mean', 4, 6],
    ] as const) {
      const pooled = await reader.read(row, pool);
      expect(pooled.map(({ shape }) => shape)).toEqual([[16], [16]]);
      pooled.forEach(({ data }, layer) => {
        expectClose(data, Float32Array.from(mean(layer, start, end)));
      });
    }
    await reader.release();
  });

  it.each([-1, 3, 0.5])('refuses layer %d', async (layer) => {
    const error = await errorOf(() => createResidualReader({ config, weights, layers: [layer], threads: 1 }));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(String(layer));
    expect(error.hint).toContain('2');
  });

  it('refuses rows that do not fit, and means over nothing', async () => {
    const reader = await createResidualReader({ config, weights, layers: [0], threads: 1 });
    const code = async (
      row: Parameters<typeof reader.read>[0],
      pool: Parameters<typeof reader.read>[1],
    ): Promise<string> => (await errorOf(() => reader.read(row, pool))).code;
    expect(await code({ ids: [], promptLength: 0 }, 'last')).toBe('row-too-long');
    expect(await code({ ids: new Array<number>(49).fill(1), promptLength: 1 }, 'last')).toBe('row-too-long');
    expect(await code({ ids, promptLength: 7 }, 'last')).toBe('row-too-long');
    expect(await code({ ids, promptLength: 6 }, 'answer-mean')).toBe('usage-invalid');
    expect(await code({ ids, promptLength: 0 }, 'prompt-mean')).toBe('usage-invalid');
    await reader.release();
  });
});

async function logitsOf({ config, weights }: Checkpoint, interventions: Interventions): Promise<Float32Array> {
  const runner = await createDecodeRunner(config, weights, interventions, 1);
  const { data } = await readLogits(config, runner, ids);
  await runner.release();
  return data;
}

async function sampleSome({ config, weights }: Checkpoint, interventions: Interventions): Promise<SampledAnswer[]> {
  const runner = await createDecodeRunner(config, weights, interventions, 1);
  const requests = [0, 1, 2].map((seed) => ({
    prompt: [1, 7, 30 + seed],
    seed,
    maximumTokens: 12,
    logProbabilities: true,
    stopTokens: [],
  }));
  const answers: SampledAnswer[] = [];
  for await (const answer of sampleAnswers(config, runner, requests, { editedPrompts: true })) answers.push(answer);
  await runner.release();
  return answers.sort((left, right) => left.request - right.request);
}

async function residualsOf({ config, weights }: Checkpoint, layers = everyLayer): Promise<FloatTensor[]> {
  const reader = await createResidualReader({ config, weights, layers, threads: 1 });
  const residuals = await reader.read({ ids, promptLength: ids.length }, 'every');
  await reader.release();
  return residuals;
}

/** Final norm and head, in plain loops. */
function logitsFrom({ config, weights }: Checkpoint, residual: Float32Array): Float32Array {
  const normed = applyNorm(residual, weights.get('model.norm.weight')!.data, config.normEpsilon);
  const head = weights.get('model.embed_tokens.weight')!.data;
  return Float32Array.from({ length: ids.length * 40 }, (_, index) => {
    const token = Math.floor(index / 40);
    let sum = 0;
    for (let channel = 0; channel < 16; channel += 1)
      sum += normed[token * 16 + channel]! * head[(index % 40) * 16 + channel]!;
    return sum;
  });
}

function randomVector(): Float32Array {
  const stream = createRandomStream(0, 'edit');
  return Float32Array.from({ length: 16 }, () => stream.normal());
}

function expectSameBits(found: Float32Array, expected: Float32Array): void {
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array): Buffer =>
    Buffer.from(buffer, byteOffset, byteLength);
  expect(bytes(found).equals(bytes(expected))).toBe(true);
}

function expectClose(found: Float32Array, expected: Float32Array): void {
  expect(found).toHaveLength(expected.length);
  found.forEach((element, index) => {
    expect(element).toBeCloseTo(expected[index]!, 4);
  });
}
