import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import {
  buildGradientGraph,
  createBatchFeeds,
  type GradientGraph,
  type Objective,
  type TrainedPart,
} from './gradient-graph.js';
import { openGradientHosts, runGradientJobs, type GradientJob } from './gradient-jobs.js';
import { batchLimitsFor, planBatches, type BatchLimits, createRowOrder } from './plan-training.js';
import { buildTokenBatch, rowWeight, type WeightedRow } from './token-batch.js';

/** A part of the training loss with a stream of rows of its own. */
export interface LossTerm {
  /**
   * Decides the order of the term's rows and names its loss in the log. It also identifies the objective in the
   * training state: if you change the objective, change the name, or a stopped run continues with the new objective.
   */
  readonly name: string;
  /** The factor of the term's mean over its rows. */
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
  /**
   * A step may take several runs of a graph, each of which may block the thread. The signal is checked between runs; on
   * abort its reason is thrown.
   */
  readonly compute: (
    step: number,
    parameters: ReadonlyMap<string, FloatTensor>,
    signal?: AbortSignal,
  ) => Promise<StepGradient>;
  readonly release: () => Promise<void>;
}

interface BuiltTerm {
  readonly term: LossTerm;
  readonly graph: GradientGraph;
  readonly rowsOfStep: (step: number) => readonly number[];
}

export async function createGradientSource(settings: GradientSourceSettings): Promise<GradientSource> {
  const { config, weights, trained, residualVectors, seed, shuffle, threads } = settings;
  const limits = settings.limits ?? batchLimitsFor(config);
  const terms = settings.terms.map((term): BuiltTerm => ({
    term,
    graph: buildGradientGraph({
      config,
      trained,
      objective: term.objective,
      vectorLayers: [...residualVectors.keys()],
    }),
    rowsOfStep: createRowOrder({
      rows: term.rows.length,
      rowsPerStep: term.rowsPerStep,
      seed,
      stream: term.name,
      shuffle,
    }),
  }));
  const longest = settings.terms.reduce(
    (most, { rows }) => rows.reduce((longer, { ids }) => Math.max(longer, ids.length), most),
    0,
  );
  const feedsOfBatch = createBatchFeeds(config, longest + limits.lengthMultiple);
  const hosts = await openGradientHosts(
    terms.map(({ graph }) => graph.graph),
    threads,
    config,
  );
  const references = new Set(terms.flatMap(({ graph }) => graph.referenceNames));
  for (const host of hosts) {
    host.keep({
      ...(trained.method === 'full' ? {} : Object.fromEntries(weights)),
      ...Object.fromEntries(
        [...references].flatMap((name) => {
          const weight = weights.get(name);
          return weight === undefined ? [] : [[`reference:${name}`, weight]];
        }),
      ),
      ...Object.fromEntries(
        [...residualVectors].map(([layer, data]) => [`vector:${String(layer)}`, { shape: [data.length], data }]),
      ),
    });
  }

  return {
    compute: async (step, parameters, signal) => {
      const jobs: GradientJob[] = [];
      let tokens = 0;
      terms.forEach(({ term, rowsOfStep }, graph) => {
        const rows = rowsOfStep(step).flatMap((row) => term.rows[row] ?? []);
        const totalWeight = rows.reduce((sum, row) => sum + rowWeight(row), 0) / term.weight;
        tokens += rows.reduce((sum, row) => sum + row.ids.length, 0);
        const lengths = rows.map((row) => row.ids.length);
        for (const plan of planBatches(lengths, limits)) {
          const chosen = plan.rows.flatMap((row) => rows[row] ?? []);
          const batch = buildTokenBatch(chosen, totalWeight, plan.paddedLength);
          jobs.push({ graph, feeds: feedsOfBatch(batch), tokens: plan.rows.length * plan.paddedLength });
        }
      });

      const gradients = new Map<string, FloatTensor>();
      const losses = terms.map(() => 0);
      const chosen = hosts.slice(0, jobs.length);
      for (const host of chosen) host.keep(Object.fromEntries(parameters));
      await runGradientJobs(chosen, jobs, signal, ({ graph }, outputs) => {
        losses[graph]! += Number(outputs['loss']?.data[0]);
        for (const name of terms[graph]?.graph.trainedNames ?? []) {
          const gradient = outputs[`gradient:${name}`];
          if (gradient?.data instanceof Float32Array)
            accumulate(gradients, name, { shape: gradient.shape, data: gradient.data });
        }
      });
      const termLosses = new Map(terms.map(({ term }, graph) => [term.name, losses[graph]! / term.weight]));
      return { loss: losses.reduce((sum, loss) => sum + loss, 0), termLosses, gradients, tokens };
    },
    release: async () => {
      await Promise.all(hosts.map((host) => host.release()));
    },
  };
}

function accumulate(sums: Map<string, FloatTensor>, name: string, gradient: FloatTensor): void {
  const sum = sums.get(name)?.data;
  if (sum === undefined) {
    sums.set(name, gradient);
    return;
  }
  for (let i = 0; i < sum.length; i += 1) sum[i]! += gradient.data[i]!;
}
