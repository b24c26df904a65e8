import { describe, expect, it } from 'vitest';

import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { loraTensorName } from '../../../src/engine/checkpoint/adapter.js';
import { type TrainedPart, answerObjective, divergenceObjective } from '../../../src/engine/train/gradient-graph.js';
import {
  createGradientSource,
  type GradientSourceSettings,
  type StepGradient,
} from '../../../src/engine/train/gradient-source.js';
import { initialiseAdapter } from '../../../src/engine/train/start-training.js';
import type { WeightedRow } from '../../../src/engine/train/token-batch.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { makeTinyModel } from '../decoder/tiny-model.js';
import { lossFromLogits } from './loss-from-logits.js';
import { makeRows } from './make-rows.js';

const model = makeTinyModel();
const trained = {
  method: 'lora',
  rank: 2,
  alpha: 4,
  rslora: false,
  targets: ['q_proj', 'v_proj', 'down_proj'],
  layers: [0, 1],
} as const;

describe('createGradientSource', () => {
  it('gives the weighted mean cross entropy of the step’s rows', async () => {
    const rows = makeRows(3).map((row, index) => ({
      ...row,
      weights: row.weights.map((weight) => weight * (index + 0.5)),
    }));
    const { loss, tokens } = await computeStep({ terms: [answers(rows, 3)] });
    expect(loss).toBeCloseTo(await lossFromLogits(model, rows), 5);
    expect(tokens).toBe(rows.reduce((sum, { ids }) => sum + ids.length, 0));
  });

  it('does not depend on how a step is split into runs', async () => {
    const rows = makeRows(7);
    const whole = await computeStep({
      terms: [answers(rows, 7)],
      limits: { tokensPerRun: 1000, runOverhead: 1000, lengthMultiple: 1 },
    });
    for (const limits of [
      { tokensPerRun: 1, runOverhead: 0, lengthMultiple: 1 },
      { tokensPerRun: 40, runOverhead: 5, lengthMultiple: 8 },
      { tokensPerRun: 1000, runOverhead: 1000, lengthMultiple: 16 },
    ]) {
      const split = await computeStep({ terms: [answers(rows, 7)], limits });
      expect(split.loss).toBeCloseTo(whole.loss, 5);
      expectCloseGradients(split.gradients, whole.gradients);
    }
  });

  it('gives the same bits on one thread as on several, each of which does runs of its own', async () => {
    const [first, second] = [makeRows(9, 1), makeRows(5, 2)];
    const divergence = {
      name: 'divergence',
      weight: 0.3,
      objective: divergenceObjective,
      rows: second,
      rowsPerStep: 5,
    };
    const residualVectors = new Map([[1, new Float32Array(model.config.width).fill(0.1)]]);
    const moved = new Map(
      [...model.weights].map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((element) => 1.1 * element) },
      ]),
    );
    for (const settings of [
      { trained: { method: 'full' } as const, parameters: moved },
      { parameters: randomAdapter() },
    ]) {
      const compute = (threads: number): Promise<StepGradient> =>
        computeStep({
          ...settings,
          terms: [answers(first, 9), divergence],
          limits: { tokensPerRun: 20, runOverhead: 0, lengthMultiple: 4 },
          residualVectors,
          threads,
        });
      const alone = await compute(1);
      for (const threads of [2, 3]) expect(await compute(threads)).toEqual(alone);
    }
  });

  it('gives for a step the weighted mean of its rows’ own gradients', async () => {
    const rows = makeRows(3);
    const whole = await computeStep({ terms: [answers(rows, 3)] });
    const counts = rows.map(({ weights }) => weights.reduce((sum, weight) => sum + weight, 0));
    const total = counts.reduce((sum, count) => sum + count, 0);
    const mean = new Map<string, FloatTensor>();
    for (const [index, row] of rows.entries()) {
      const { gradients } = await computeStep({ terms: [answers([row], 1)] });
      for (const [name, { shape, data }] of gradients) {
        const sum = mean.get(name)?.data ?? new Float32Array(data.length);
        mean.set(name, {
          shape,
          data: data.map((element, position) => sum[position]! + (element * counts[index]!) / total),
        });
      }
    }
    expectCloseGradients(whole.gradients, mean);
  });

  it('gives a matrix the same gradient whichever others are adapted, as long as those change nothing', async () => {
    const terms = [answers(makeRows(2), 2)];
    const all = { ...trained, rank: 1 };
    const one = { ...all, targets: ['v_proj'] as const, layers: [1] };
    const freshB = loraTensorName(1, 'v_proj', 'B');
    const { gradients: many } = await computeStep({
      trained: all,
      terms,
      parameters: initialiseAdapter(model.config, all, 4),
    });
    const { gradients: few } = await computeStep({
      trained: one,
      terms,
      parameters: initialiseAdapter(model.config, one, 4),
    });
    expect([...few.keys()].sort()).toEqual([loraTensorName(1, 'v_proj', 'A'), freshB]);
    expectCloseGradients(new Map([[freshB, few.get(freshB)!]]), new Map([[freshB, many.get(freshB)!]]));
    // While B is zero, nothing depends on A.
    expect(few.get(loraTensorName(1, 'v_proj', 'A'))!.data.every((element) => element === 0)).toBe(true);
  });

  it('adds terms with their weights, and tells each one’s own mean', async () => {
    const first = makeRows(2, 1);
    const second = makeRows(3, 2);
    const parameters = randomAdapter();
    const alone = await computeStep({ terms: [answers(first, 2)], parameters });
    const divergence = { name: 'divergence', weight: 1, objective: divergenceObjective, rows: second, rowsPerStep: 3 };
    const other = await computeStep({ terms: [divergence], parameters });
    const both = await computeStep({ terms: [answers(first, 2), { ...divergence, weight: 0.3 }], parameters });
    expect(other.loss).toBeGreaterThan(1e-3);
    expect(both.termLosses.get('answers')).toBeCloseTo(alone.loss, 5);
    expect(both.termLosses.get('divergence')).toBeCloseTo(other.loss, 5);
    expect(both.loss).toBeCloseTo(alone.loss + 0.3 * other.loss, 5);
    expect(both.tokens).toBe(alone.tokens + other.tokens);
    const sum = [...alone.gradients].map(([name, { shape, data }]) => {
      const added = other.gradients.get(name)!.data;
      return [name, { shape, data: data.map((element, index) => element + 0.3 * added[index]!) }] as const;
    });
    expectCloseGradients(both.gradients, new Map(sum));
  });

  it('measures the divergence from the base as a fresh adapter’s zero', async () => {
    const divergence = {
      name: 'divergence',
      weight: 2,
      objective: divergenceObjective,
      rows: makeRows(3),
      rowsPerStep: 3,
    };
    const { loss, gradients } = await computeStep({ terms: [divergence] });
    expect(Math.abs(loss)).toBeLessThan(1e-6);
    for (const { data } of gradients.values()) expect(Math.max(...data.map(Math.abs))).toBeLessThan(1e-5);
  });

  it('keeps the base as the reference in full training, too', async () => {
    const divergence = {
      name: 'divergence',
      weight: 1,
      objective: divergenceObjective,
      rows: makeRows(3),
      rowsPerStep: 3,
    };
    const settings = { trained: { method: 'full' } as const, terms: [divergence] };
    const { loss } = await computeStep({ ...settings, parameters: model.weights });
    expect(Math.abs(loss)).toBeLessThan(1e-6);
    const moved = new Map(
      [...model.weights].map(([name, { shape, data }]) => [
        name,
        { shape, data: data.map((element) => 1.1 * element) },
      ]),
    );
    const { loss: away, gradients } = await computeStep({ ...settings, parameters: moved });
    expect(away).toBeGreaterThan(1e-3);
    expect([...gradients.keys()].sort()).toEqual([...model.weights.keys()].sort());
  });
});

function answers(rows: readonly WeightedRow[], rowsPerStep: number): GradientSourceSettings['terms'][number] {
  return { name: 'answers', weight: 1, objective: answerObjective, rows, rowsPerStep };
}

async function computeStep(
  settings: Pick<GradientSourceSettings, 'terms' | 'limits'> & {
    readonly trained?: TrainedPart;
    readonly residualVectors?: ReadonlyMap<number, Float32Array>;
    readonly threads?: number;
    readonly parameters?: ReadonlyMap<string, FloatTensor>;
  },
): Promise<StepGradient> {
  const { parameters = initialiseAdapter(model.config, trained, 0), ...rest } = settings;
  const source = await createGradientSource({
    config: model.config,
    weights: model.weights,
    trained,
    residualVectors: new Map(),
    seed: 0,
    shuffle: false,
    threads: 1,
    ...rest,
  });
  const gradient = await source.compute(0, parameters);
  await source.release();
  return gradient;
}

function randomAdapter(): Map<string, FloatTensor> {
  const stream = createRandomStream(0, 'adapter');
  return new Map(
    [...initialiseAdapter(model.config, trained, 0)].map(([name, { shape, data }]) => [
      name,
      { shape, data: data.map((element) => element + 0.2 * stream.normal()) },
    ]),
  );
}

function expectCloseGradients(
  found: ReadonlyMap<string, FloatTensor>,
  expected: ReadonlyMap<string, FloatTensor>,
): void {
  expect([...found.keys()].sort()).toEqual([...expected.keys()].sort());
  for (const [name, { shape, data }] of expected) {
    expect(found.get(name)?.shape).toEqual(shape);
    const error = data.reduce(
      (most, element, index) => Math.max(most, Math.abs(element - found.get(name)!.data[index]!)),
      0,
    );
    expect(error, name).toBeLessThan(1e-5);
  }
}
