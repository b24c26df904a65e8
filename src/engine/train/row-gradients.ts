import type { Adapter } from '../checkpoint/adapter.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import type { Checkpoint } from '../checkpoint/read-checkpoint.js';
import type { Feeds } from '../runtime/graph-host.js';
import { checkLossTerms } from './check-training-input.js';
import { openGradientHosts, runGradientJobs, type GradientJob } from './gradient-jobs.js';
import { answerObjective, buildGradientGraph, createBatchFeeds, type TrainedPart } from './gradient-graph.js';
import { batchLimitsFor } from './plan-training.js';
import { checkStartingAdapter } from './start-training.js';
import { buildTokenBatch, rowWeight, type WeightedRow } from './token-batch.js';
import { parametersFromAdapter } from './trained-parameters.js';

export interface RowGradientSettings {
  readonly base: Checkpoint;
  /** If given, gradients are of its A and B, at their values; else of all weights of the base. */
  readonly adapter?: Adapter;
  readonly rows: readonly WeightedRow[];
  /** Gradients are bit-identical for any number of threads if the model is small; as many rows are in memory at once. */
  readonly threads: number;
  /** Checked before each row; on abort its reason is thrown. */
  readonly signal?: AbortSignal;
}

/** The gradient of one row's own loss, the mean cross entropy of its supervised tokens in nats. */
export interface RowGradient {
  /** Its place among the rows, from 0. */
  readonly row: number;
  readonly loss: number;
  /** By PEFT's names for an adapter, by Hugging Face's for all weights; what the loss does not depend on is not there. */
  readonly gradients: ReadonlyMap<string, FloatTensor>;
}

/** What gradients are taken of. */
export function differentiatedPart({ adapter }: Pick<RowGradientSettings, 'adapter'>): TrainedPart {
  return adapter === undefined ? { method: 'full' } : { method: 'lora', ...adapter.settings };
}

/**
 * Computes the gradient of each row by itself, in the order of the rows, and keeps none: each row is a run of its own, since a run of
 * several would add their gradients up. A row's numbers do not depend on the other rows. Throws `rows-invalid` for a row without
 * supervised tokens, and `adapter-mismatch` for an adapter of another base.
 */
export async function* readRowGradients(settings: RowGradientSettings): AsyncGenerator<RowGradient, void, undefined> {
  const { base, adapter, rows, threads, signal } = settings;
  const { config, weights } = base;
  checkLossTerms([{ name: 'answers', weight: 1, objective: answerObjective, rows, rowsPerStep: 1 }], base);
  const part = differentiatedPart(settings);
  if (adapter !== undefined) checkStartingAdapter(adapter, part, base);

  const { graph, trainedNames } = buildGradientGraph({ config, trained: part, objective: answerObjective });
  const { lengthMultiple } = batchLimitsFor(config);
  const padded = rows.map(({ ids }) => Math.ceil(ids.length / lengthMultiple) * lengthMultiple);
  const feedsOfBatch = createBatchFeeds(
    config,
    padded.reduce((most, length) => Math.max(most, length), 0),
  );
  const jobOf = (row: WeightedRow, place: number): GradientJob => ({
    graph: 0,
    feeds: feedsOfBatch(buildTokenBatch([row], rowWeight(row), padded[place])),
    tokens: padded[place]!,
  });

  const hosts = await openGradientHosts([graph], threads, config);
  try {
    for (const host of hosts) {
      host.keep(Object.fromEntries(weights));
      if (adapter !== undefined) host.keep(Object.fromEntries(parametersFromAdapter(adapter)));
    }
    for (let start = 0; start < rows.length; start += hosts.length) {
      const jobs = rows.slice(start, start + hosts.length).map((row, place) => jobOf(row, start + place));
      const found: Feeds[] = [];
      await runGradientJobs(hosts, jobs, signal, (_job, outputs) => {
        found.push(outputs);
      });
      for (const [place, outputs] of found.entries())
        yield { row: start + place, loss: Number(outputs['loss']?.data[0]), gradients: pick(outputs, trainedNames) };
    }
  } finally {
    await Promise.all(hosts.map((host) => host.release()));
  }
}

function pick(outputs: Feeds, names: readonly string[]): Map<string, FloatTensor> {
  const gradients = new Map<string, FloatTensor>();
  for (const name of names) {
    const gradient = outputs[`gradient:${name}`];
    if (gradient?.data instanceof Float32Array) gradients.set(name, { shape: gradient.shape, data: gradient.data });
  }
  return gradients;
}
