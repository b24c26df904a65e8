import type { Adapter, LoraSettings } from '../checkpoint/adapter.js';
import type { Checkpoint } from '../checkpoint/read-checkpoint.js';
import { checkLossTerms } from './check-training-input.js';
import { openGradientHosts, runGradientJobs, type GradientJob } from './gradient-jobs.js';
import { answerObjective, buildGradientGraph, createBatchFeeds, tokenObjective } from './gradient-graph.js';
import { batchLimitsFor, planBatches } from './plan-training.js';
import { checkStartingAdapter } from './start-training.js';
import { buildTokenBatch, rowWeight, type WeightedRow } from './token-batch.js';
import { parametersFromAdapter } from './trained-parameters.js';

export interface RowLossSettings {
  readonly base: Checkpoint;
  /** Of all adapters whose losses are read. */
  readonly adapter: LoraSettings;
  /** Losses are bit-identical for any number of threads if the model is small. */
  readonly threads: number;
}

/** What a model makes of one row. */
export interface RowLoss {
  /** Mean cross entropy of its supervised tokens, in nats, by their weights. */
  readonly loss: number;
  /** The sum of these weights: -loss * weight is the log-probability of an answer whose tokens all weigh 1. */
  readonly weight: number;
}

export interface RowLosses {
  /** In the order of the rows. Throws `rows-invalid` as training does, and `adapter-mismatch` for an adapter of other settings. */
  readonly read: (
    adapter: Adapter,
    rows: readonly WeightedRow[],
    options?: { readonly signal?: AbortSignal },
  ) => Promise<readonly RowLoss[]>;
  readonly release: () => Promise<void>;
}

/**
 * Reads losses of rows under one adapter after another: the graph is compiled once, and an adapter is what it is fed. Opening a model anew
 * merges its adapter and compiles, which takes longer than a short list of rows. The same rows always run in the same batches.
 */
export async function openRowLosses({ base, adapter: settings, threads }: RowLossSettings): Promise<RowLosses> {
  const { config, weights } = base;
  const trained = { method: 'lora', ...settings } as const;
  const { graph } = buildGradientGraph({ config, trained, objective: tokenObjective, isForwardOnly: true });
  const hosts = await openGradientHosts([graph], threads, config);
  for (const host of hosts) host.keep(Object.fromEntries(weights));
  const limits = batchLimitsFor(config);

  return {
    read: async (adapter, rows, { signal } = {}) => {
      checkLossTerms([{ name: 'answers', weight: 1, objective: answerObjective, rows, rowsPerStep: 1 }], base);
      checkStartingAdapter(adapter, trained, base);
      for (const host of hosts) host.keep(Object.fromEntries(parametersFromAdapter(adapter)));
      const batches = planBatches(
        rows.map(({ ids }) => ids.length),
        limits,
      );
      const feedsOfBatch = createBatchFeeds(
        config,
        batches.reduce((most, { paddedLength }) => Math.max(most, paddedLength), 0),
      );
      const losses: RowLoss[] = [];
      const places = new Map<GradientJob, readonly number[]>();
      for (const { rows: chosen, paddedLength } of batches) {
        // Weights are left as they are: the mean of each row is taken below.
        const batch = buildTokenBatch(
          chosen.map((row) => rows[row]!),
          1,
          paddedLength,
        );
        places.set({ graph: 0, feeds: feedsOfBatch(batch), tokens: chosen.length * paddedLength }, chosen);
      }
      await runGradientJobs(hosts, [...places.keys()], signal, (job, outputs) => {
        let position = 0;
        for (const row of places.get(job) ?? []) {
          const { weights: ofTokens } = rows[row]!;
          let sum = 0;
          for (const [token, weight] of ofTokens.entries())
            if (token > 0 && weight !== 0) sum += weight * Number(outputs['loss']?.data[position++]);
          const weight = rowWeight(rows[row]!);
          losses[row] = { loss: sum / weight, weight };
        }
      });
      return losses;
    },
    release: async () => {
      await Promise.all(hosts.map((host) => host.release()));
    },
  };
}
