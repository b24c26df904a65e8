import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { Graph } from '../graph/graph.js';
import { gatherHosts, openGraphHost, type Feeds, type GraphHost } from '../runtime/graph-host.js';
import { openGraphThread } from '../runtime/graph-thread.js';
import { isSmallModel } from './plan-training.js';

/** One run of a gradient graph. */
export interface GradientJob {
  /** The graph's place among those of the hosts. */
  readonly graph: number;
  readonly feeds: Feeds;
  /** Tokens with padding, which its cost is proportional to. */
  readonly tokens: number;
}

/**
 * Opens the hosts that runs take place on. For a small model each thread does its own runs, with a copy of the
 * parameters; for a large one the threads share each operator. They never do for a small one: how the runtime divides a
 * narrow matrix among threads decides the order of its sums, and with that the last bits.
 */
export async function openGradientHosts(
  graphs: readonly Graph[],
  threads: number,
  config: DecoderConfig,
): Promise<readonly GraphHost[]> {
  if (!isSmallModel(config) || threads === 1) return [await openGraphHost(graphs, threads)];
  return gatherHosts(Array.from({ length: threads }, () => openGraphThread(graphs)));
}

/**
 * Does the jobs on all hosts at once, and hands the outputs over in the order of the jobs, because the order decides
 * the last bits of the sums.
 */
export async function runGradientJobs(
  hosts: readonly GraphHost[],
  jobs: readonly GradientJob[],
  signal: AbortSignal | undefined,
  take: (job: GradientJob, outputs: Feeds) => void,
): Promise<void> {
  // The longest first, so that all hosts end at about the same time. A single host keeps the order, so that it hands
  // over each output before the next run.
  const queue = jobs.map((job, index) => ({ job, index }));
  if (hosts.length > 1) queue.sort((a, b) => b.job.tokens - a.job.tokens || a.index - b.index);
  const done = new Map<number, Feeds>();
  let taken = 0;
  const work = async (host: GraphHost): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await letOthersRun();
      signal?.throwIfAborted();
      done.set(next.index, await host.run(next.job.graph, next.job.feeds));
      for (let outputs = done.get(taken); outputs !== undefined; outputs = done.get(taken)) {
        take(jobs[taken]!, outputs);
        done.delete(taken);
        taken += 1;
      }
    }
  };
  const failed = (await Promise.allSettled(hosts.map(work))).find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

/** Lets pending events run, such as messages of other threads and signals of the process. */
function letOthersRun(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
