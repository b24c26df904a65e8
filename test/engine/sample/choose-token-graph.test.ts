import { describe, expect, it } from 'vitest';

import { Graph } from '../../../src/engine/graph/graph.js';
import { compileGraph } from '../../../src/engine/runtime/compiled-graph.js';
import { chooseToken } from '../../../src/engine/sample/choose-token-graph.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';

/** Sums of up to a thousand float32 probabilities, in any order, err by less. */
const rounding = 2e-6;

/** The largest uniform number below 1 in float32, which is the largest that sampling feeds. */
const almostOne = 1 - 2 ** -24;

/** A logit beside which others leave float32 no number for its probability. */
const impossible = -500;

interface Draw {
  readonly logits: Float32Array;
  readonly inverseTemperature: number;
  readonly uniform: number;
}

describe.each([1, 2, 63, 64, 65, 100, 128, 500, 1000])('with %d tokens', (vocabulary) => {
  it('inverts the distribution function', async () => {
    const stream = createRandomStream(vocabulary, 'invert');
    const draws = Array.from({ length: 300 }, () => ({
      logits: Float32Array.from({ length: vocabulary }, () => 3 * stream.normal()),
      inverseTemperature: Math.fround(0.2 + 2 * stream.uniform()),
      uniform: Math.min(Math.fround(stream.uniform()), almostOne),
    }));
    const tokens = await choose(draws);
    let certain = 0;
    draws.forEach((draw, row) => {
      const cumulative = cumulate(probabilitiesOf(draw));
      const expected = cumulative.findIndex((sum) => sum > draw.uniform);
      expectInReach(cumulative, tokens[row]!, draw.uniform);
      if (cumulative.some((sum) => Math.abs(sum - draw.uniform) < rounding)) return;
      certain += 1;
      expect(tokens[row]).toBe(expected);
    });
    expect(certain).toBeGreaterThan(290);
  });

  it('never draws a token of probability zero, at either end of the unit interval nor at the border of two blocks', async () => {
    const stream = createRandomStream(vocabulary, 'holes');
    const draws: Draw[] = [];
    for (let model = 0; model < 20; model += 1) {
      // About half of the tokens are impossible, and so are most that come first in a block.
      const possible = Array.from({ length: vocabulary }, (_, id) => stream.uniform() < (id % 64 === 0 ? 0.1 : 0.5));
      possible[stream.integer(vocabulary)] = true;
      const logits = Float32Array.from(possible, (is) => (is ? 2 * stream.normal() : impossible));
      const cumulative = cumulate(probabilitiesOf({ logits, inverseTemperature: 1 }));
      const borders = [0, almostOne];
      for (let end = 64; end < vocabulary; end += 64) borders.push(cumulative[end - 1]!);
      for (const border of borders) {
        for (let steps = -4; steps <= 4; steps += 1) {
          const uniform = Math.fround(border + steps * 2 ** -24 * Math.max(border, 2 ** -24));
          draws.push({ logits, inverseTemperature: 1, uniform: Math.min(Math.max(uniform, 0), almostOne) });
        }
      }
    }
    const tokens = await choose(draws);
    draws.forEach((draw, row) => {
      expect(draw.logits[tokens[row]!]).toBeGreaterThan(impossible);
    });
  });

  it('draws the one likely token, whatever the number', async () => {
    const uniforms = [0, 2 ** -149, 2 ** -24, 0.5, 1 - 2 ** -23, almostOne];
    const likely = [0, Math.floor(vocabulary / 2), vocabulary - 1];
    const draws = likely.flatMap((id) =>
      [1, 1000, 1e30].flatMap((inverseTemperature) =>
        uniforms.map((uniform) => ({
          logits: new Float32Array(vocabulary).fill(-120).with(id, 120),
          inverseTemperature,
          uniform,
        })),
      ),
    );
    expect(await choose(draws)).toEqual(likely.flatMap((id) => new Array<number>(3 * uniforms.length).fill(id)));
  });
});

it('draws each row by its own number and temperature', async () => {
  const logits = Float32Array.of(0, 1, 2);
  // Probabilities 0.09, 0.245, 0.665 at temperature 1, and 0.009, 0.091, 0.9 at a half.
  const draws = [
    { logits, inverseTemperature: 1, uniform: 0.08 },
    { logits, inverseTemperature: 2, uniform: 0.08 },
    { logits, inverseTemperature: 1, uniform: 0.3 },
    { logits, inverseTemperature: 2, uniform: 0.3 },
    { logits: Float32Array.of(2, 1, 0), inverseTemperature: 1, uniform: 0.3 },
  ];
  expect(await choose(draws)).toEqual([0, 1, 1, 2, 0]);
});

/** Runs the graph on one row a draw. */
async function choose(draws: readonly Draw[]): Promise<number[]> {
  const vocabulary = draws[0]!.logits.length;
  const rows = draws.length;
  const graph = new Graph();
  const token = chooseToken(graph, graph.input('logits', 'float32', ['rows', vocabulary]), {
    inverseTemperature: graph.input('inverse-temperature', 'float32', ['rows', 1]),
    uniform: graph.input('uniform', 'float32', ['rows', 1]),
    rowNumbers: graph.input('row-numbers', 'int64', ['rows']),
  });
  graph.output('token', token);
  const compiled = await compileGraph(graph, { threads: 1 });
  const outputs = await compiled.run({
    logits: { shape: [rows, vocabulary], data: Float32Array.from(draws.flatMap(({ logits }) => [...logits])) },
    'inverse-temperature': {
      shape: [rows, 1],
      data: Float32Array.from(draws, ({ inverseTemperature }) => inverseTemperature),
    },
    uniform: { shape: [rows, 1], data: Float32Array.from(draws, ({ uniform }) => uniform) },
    'row-numbers': { shape: [rows], data: BigInt64Array.from(draws, (_, row) => BigInt(row)) },
  });
  await compiled.release();
  return Array.from(outputs['token']!.data, Number);
}

/** Softmax in double precision. */
function probabilitiesOf({ logits, inverseTemperature }: Omit<Draw, 'uniform'>): number[] {
  const scaled = Array.from(logits, (logit) => Math.fround(logit * inverseTemperature));
  const largest = Math.max(...scaled);
  const weights = scaled.map((logit) => Math.exp(logit - largest));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function cumulate(probabilities: readonly number[]): number[] {
  let sum = 0;
  return probabilities.map((probability) => (sum += probability));
}

/** The number lies in the token's stretch of the unit interval, up to rounding. */
function expectInReach(cumulative: readonly number[], token: number, uniform: number): void {
  expect(token).toBeGreaterThanOrEqual(0);
  expect(token).toBeLessThan(cumulative.length);
  expect(uniform).toBeGreaterThan((cumulative[token - 1] ?? 0) - rounding);
  expect(uniform).toBeLessThan(cumulative[token]! + rounding);
}
