import { createInterface } from 'node:readline';
import { createRandomStream } from '../src/foundation/random-stream.js';
import { decoderTensorShapes } from '../src/engine/checkpoint/decoder-tensors.js';
import { projections } from '../src/engine/checkpoint/projection.js';
import type { FloatTensor } from '../src/engine/checkpoint/float-tensor.js';
import { Graph } from '../src/engine/graph/graph.js';
import { matrixProduct } from '../src/engine/graph/operations.js';
import { compileGraph } from '../src/engine/runtime/compiled-graph.js';
import { createDecodeRunner } from '../src/engine/sample/decode-runner.js';
import { sampleAnswers } from '../src/engine/sample/sample-answers.js';
import { gradientNorm, stepAdamW } from '../src/engine/train/adamw.js';
import { trainedParameterShapes, type TrainedPart, answerObjective } from '../src/engine/train/gradient-graph.js';
import { createGradientSource } from '../src/engine/train/gradient-source.js';
import { initialiseAdapter } from '../src/engine/train/start-training.js';
import { createOptimizerState } from '../src/engine/train/optimizer-state.js';
import { parseRecipe } from '../src/engine/train/recipe.js';
import { copyTensor } from '../src/engine/train/trained-parameters.js';
import { benchConfig, type BenchShape } from './bench-shape.js';

/**
 * The engine's side of the bench, in a process of its own so that its peak memory is its own: one JSON request a line in,
 * one JSON answer a line out, in the protocol of pytorch_reference.py.
 */

export type BenchRequest =
  | { readonly task: 'matmul'; readonly sizes: readonly (readonly [number, number, number])[]; readonly steps: number }
  | {
      readonly task: 'lora-step' | 'full-step';
      readonly shape: BenchShape;
      readonly batch: number;
      readonly length: number;
      readonly steps: number;
      readonly warmup: number;
    }
  | {
      readonly task: 'sample';
      readonly shape: BenchShape;
      readonly batch: number;
      readonly prompt: number;
      readonly tokens: number;
      readonly samePrompt?: boolean;
      readonly steps: number;
      readonly warmup: number;
    }
  | { readonly task: 'exit' };

const threads = Number(process.argv[2] ?? 2);

let built: { key: string; step: () => Promise<void> } | null = null;
for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as BenchRequest; // from bench.ts
  if (request.task === 'exit') break;
  const answer = request.task === 'matmul' ? { median: await measureProducts(request) } : await measureSteps(request);
  console.log(JSON.stringify(answer));
}
process.exit(0);

async function measureSteps(
  request: Exclude<BenchRequest, { task: 'matmul' | 'exit' }>,
): Promise<Record<string, unknown>> {
  const key = JSON.stringify({ ...request, steps: 0, warmup: 0 });
  if (built?.key !== key) {
    built = { key, step: request.task === 'sample' ? await buildSampling(request) : await buildTraining(request) };
  }
  for (let i = 0; i < request.warmup; i += 1) await built.step();
  const milliseconds: number[] = [];
  for (let i = 0; i < request.steps; i += 1) {
    const start = performance.now();
    await built.step();
    milliseconds.push(performance.now() - start);
  }
  return { milliseconds, peakBytes: process.resourceUsage().maxRSS * 1024 };
}

/** One whole training step: gradient, norm and AdamW, on the same batch each time. */
async function buildTraining(
  request: Extract<BenchRequest, { task: 'lora-step' | 'full-step' }>,
): Promise<() => Promise<void>> {
  const config = benchConfig(request.shape);
  const weights = randomWeights(request.shape);
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const trained: TrainedPart =
    request.task === 'full-step'
      ? { method: 'full' }
      : {
          method: 'lora',
          rank: request.shape.rank,
          alpha: 2 * request.shape.rank,
          rslora: false,
          targets: projections,
          layers,
        };
  const parameters =
    trained.method === 'full'
      ? new Map([...weights].map(([name, tensor]) => [name, copyTensor(tensor)]))
      : initialiseAdapter(config, trained, 1);
  const recipe = parseRecipe({ method: trained.method, learning_rate: 1e-4 });
  const optimizer = createOptimizerState(recipe, trainedParameterShapes(config, trained));
  const ids = randomIds(request.shape.vocabulary, request.batch * request.length);
  const rows = Array.from({ length: request.batch }, (_, row) => ({
    ids: ids.slice(row * request.length, (row + 1) * request.length),
    weights: new Array<number>(request.length).fill(1),
  }));
  const source = await createGradientSource({
    config,
    weights: trained.method === 'full' ? new Map<string, FloatTensor>() : weights,
    trained,
    terms: [{ name: 'answers', weight: 1, objective: answerObjective, rows, rowsPerStep: rows.length }],
    residualVectors: new Map(),
    seed: 0,
    shuffle: false,
    threads,
  });
  let step = 0;
  return async () => {
    const { gradients } = await source.compute(0, parameters);
    const flat = new Map([...gradients].map(([name, { data }]) => [name, data]));
    const gradientFactor = Math.min(1, 1 / gradientNorm(flat));
    step += 1;
    stepAdamW(parameters, flat, optimizer, {
      ...recipe,
      learningRate: recipe.learning_rate,
      step,
      gradientFactor,
    });
  };
}

async function buildSampling(request: Extract<BenchRequest, { task: 'sample' }>): Promise<() => Promise<void>> {
  const config = benchConfig(request.shape);
  const runner = await createDecodeRunner(config, randomWeights(request.shape), {}, threads);
  const ids = randomIds(config.vocabulary, request.batch * request.prompt);
  const requests = Array.from({ length: request.batch }, (_, row) => {
    const start = request.samePrompt === true ? 0 : row * request.prompt;
    const prompt = ids.slice(start, start + request.prompt) as [number, ...number[]]; // as long as the request says
    return { prompt, seed: row, maximumTokens: request.tokens, stopTokens: [] };
  });
  return async () => {
    let tokens = 0;
    for await (const answer of sampleAnswers(config, runner, requests, { slots: request.batch, editedPrompts: true }))
      tokens += answer.ids.length;
    if (tokens !== request.batch * request.tokens) throw new Error(`sampled ${String(tokens)} tokens`);
  };
}

/** GFLOP/s of [M, K] x [K, N], the median of `steps` runs of four products each; only their largest elements come back. */
async function measureProducts({ sizes, steps }: Extract<BenchRequest, { task: 'matmul' }>): Promise<number[]> {
  const rates: number[] = [];
  for (const [m, k, n] of sizes) {
    const graph = new Graph();
    const left = graph.input('left', 'float32', [m, k]);
    const feeds: Record<string, FloatTensor> = { left: randomTensor([m, k], 'left', 1) };
    for (let product = 0; product < 4; product += 1) {
      const name = `right${String(product)}`;
      feeds[name] = randomTensor([n, k], name, 1);
      const result = matrixProduct(graph, left, graph.input(name, 'float32', [n, k]), { transposeRight: true });
      graph.output(name, graph.node('ReduceMax', [result], { shape: [1, 1] }, { keepdims: 1 }));
    }
    const compiled = await compileGraph(graph, { threads });
    const seconds: number[] = [];
    for (let step = -3; step < steps; step += 1) {
      const start = performance.now();
      await compiled.run(feeds);
      if (step >= 0) seconds.push((performance.now() - start) / 1e3);
    }
    await compiled.release();
    seconds.sort((a, b) => a - b);
    rates.push((4 * 2 * m * k * n) / 1e9 / (seconds[seconds.length >> 1] ?? NaN));
  }
  return rates;
}

function randomWeights(shape: BenchShape): Map<string, FloatTensor> {
  return new Map(
    [...decoderTensorShapes(benchConfig(shape))].map(([name, size]) => [
      name,
      size.length === 1
        ? { shape: size, data: new Float32Array(size[0] ?? 0).fill(1) }
        : randomTensor(size, name, (size[1] ?? 1) ** -0.5),
    ]),
  );
}

/** Uniform in +-scale; one word of a quick generator an element, since a bench has no use for better ones. */
function randomTensor(shape: readonly number[], name: string, scale: number): FloatTensor {
  const data = new Float32Array(shape.reduce((product, size) => product * size, 1));
  let state = createRandomStream(0, name).nextUint32();
  for (let i = 0; i < data.length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    data[i] = (state / 2 ** 31 - 1) * scale;
  }
  return { shape, data };
}

function randomIds(vocabulary: number, count: number): number[] {
  const stream = createRandomStream(0, 'ids');
  return Array.from({ length: count }, () => stream.integer(vocabulary));
}
