import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { compileGraph, type CompiledGraph } from '../runtime/compiled-graph.js';
import {
  buildGradientGraph,
  createBatchFeeds,
  type GradientGraph,
  type Objective,
  type TrainedPart,
} from './gradient-graph.js';
import { defaultBatchLimits, planBatches, type BatchLimits } from './plan-batches.js';
import { createRowOrder } from './row-order.js';
import { buildTokenBatch, rowWeight, type WeightedRow } from './token-batch.js';

/** A part of the training loss with a stream of rows of its own. */
export interface LossTerm {
  /**
   * Decides the order of the term's rows and names its loss in the log. It also stands for the objective in the training state:
   * give a term whose objective you change another name, or a stopped run is continued with the new objective.
   */
  readonly name: string;
  /** What the term's mean over its rows is multiplied with. */
  readonly weight: number;
  readonly objective: Objective;
  readonly rows: readonly WeightedRow[];
  readonly rowsPerStep: number;
}

export interface GradientSourceSettings {
  readonly config: DecoderConfig;
  readonly weights: ReadonlyMap<string, FloatTensor>;
  readonly trained: TrainedPart;
  readonly terms: readonly LossTerm[];
  /** Added to the residual stream of every token, by residual layer. */
  readonly residualVectors: ReadonlyMap<number, Float32Array>;
  readonly seed: number;
  readonly shuffle: boolean;
  readonly threads: number;
  readonly limits?: BatchLimits;
}

export interface StepGradient {
  /** Weighted sum of the terms. */
  readonly loss: number;
  readonly termLosses: ReadonlyMap<string, number>;
  readonly gradients: ReadonlyMap<string, FloatTensor>;
  /** Tokens of the step's rows, without padding. */
  readonly tokens: number;
}

/** Computes the gradient of any step, given the parameters as they are now. */
export interface GradientSource {
  /** A step may be several runs of a graph, each of which blocks the thread; between them the signal is heard, whose reason is thrown. */
  readonly compute: (
    step: number,
    parameters: ReadonlyMap<string, FloatTensor>,
    signal?: AbortSignal,
  ) => Promise<StepGradient>;
  readonly release: () => Promise<void>;
}

interface CompiledTerm {
  readonly term: LossTerm;
  readonly graph: GradientGraph;
  readonly compiled: CompiledGraph;
  readonly inputs: ReadonlySet<string>;
  readonly rowsOfStep: (step: number) => readonly number[];
}

export async function createGradientSource(settings: GradientSourceSettings): Promise<GradientSource> {
  const { config, weights, trained, residualVectors, seed, shuffle, threads } = settings;
  const limits = settings.limits ?? defaultBatchLimits;
  const compiledTerms: CompiledTerm[] = [];
  for (const term of settings.terms) {
    const graph = buildGradientGraph({
      config,
      trained,
      objective: term.objective,
      vectorLayers: [...residualVectors.keys()],
    });
    compiledTerms.push({
      term,
      graph,
      compiled: await compileGraph(graph.graph, { threads }),
      inputs: new Set(graph.graph.inputs.map((input) => input.name)),
      rowsOfStep: createRowOrder({
        rows: term.rows.length,
        rowsPerStep: term.rowsPerStep,
        seed,
        stream: term.name,
        shuffle,
      }),
    });
  }
  const longest = settings.terms.flatMap(({ rows }) => rows).reduce((most, row) => Math.max(most, row.ids.length), 0);
  const feedsOfBatch = createBatchFeeds(config, longest + limits.lengthMultiple);
  const vectors = [...residualVectors].map(
    ([layer, data]) => [`vector:${String(layer)}`, { shape: [data.length], data }] as const,
  );

  return {
    compute: async (step, parameters, signal) => {
      const total: {
        gradients: Map<string, FloatTensor>;
        termLosses: Map<string, number>;
        tokens: number;
        loss: number;
      } = { gradients: new Map(), termLosses: new Map(), tokens: 0, loss: 0 };
      for (const { term, graph, compiled, inputs, rowsOfStep } of compiledTerms) {
        const fixed = new Map<string, FloatTensor>([...weights, ...parameters, ...vectors]);
        for (const name of graph.referenceNames) {
          const weight = weights.get(name);
          if (weight !== undefined) fixed.set(`reference:${name}`, weight);
        }
        const rows = rowsOfStep(step).flatMap((row) => term.rows[row] ?? []);
        const totalWeight = rows.reduce((sum, row) => sum + rowWeight(row), 0) / term.weight;
        let termLoss = 0;
        for (const plan of planBatches(
          rows.map((row) => row.ids.length),
          limits,
        )) {
          const batch = buildTokenBatch(
            plan.rows.flatMap((row) => rows[row] ?? []),
            totalWeight,
            plan.paddedLength,
          );
          await letOthersRun();
          signal?.throwIfAborted();
          const feeds = { ...Object.fromEntries(fixed), ...feedsOfBatch(batch) };
          const outputs = await compiled.run(
            Object.fromEntries(Object.entries(feeds).filter(([name]) => inputs.has(name))),
          );
          termLoss += Number(outputs['loss']?.data[0]);
          for (const name of graph.trainedNames) {
            const gradient = outputs[`gradient:${name}`];
            if (gradient?.data instanceof Float32Array)
              accumulate(total.gradients, name, { shape: gradient.shape, data: gradient.data });
          }
        }
        total.termLosses.set(term.name, termLoss / term.weight);
        total.loss += termLoss;
        total.tokens += rows.reduce((sum, row) => sum + row.ids.length, 0);
      }
      return total;
    },
    release: async () => {
      for (const { compiled } of compiledTerms) await compiled.release();
    },
  };
}

/** Lets in what waits, such as messages of other threads and signals of the process. */
function letOthersRun(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function accumulate(sums: Map<string, FloatTensor>, name: string, gradient: FloatTensor): void {
  const sum = sums.get(name)?.data;
  if (sum === undefined) {
    sums.set(name, gradient);
    return;
  }
  for (let i = 0; i < sum.length; i += 1) sum[i]! += gradient.data[i]!;
}
