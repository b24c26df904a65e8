import { waitFor } from '../../foundation/clock.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ClusterRun } from './cluster-run.js';
import { deliverJobId } from './job-ids.js';
import { isJobUnderWay, listRunJobs, type RunJob } from './run-jobs.js';
import type { ArchiveFiles } from './zip-archive.js';

export interface StoppedRun {
  /** Ids of jobs that were under way and are not any more. */
  readonly stopped: readonly string[];
  /** Waves of questions that nobody answers any more. */
  readonly withdrawn: number;
}

/** Milliseconds that jobs have for their end, and that waves have to be withdrawn. */
const patience = 30_000;
const never = new AbortController().signal;

/**
 * Stops all jobs of a run that are under way, those that wait among them. What they were asked is withdrawn first, so
 * that a job that Ray does not stop ends by itself when its turn comes. Files stay: the run goes on from them whenever
 * it is run again.
 */
export async function stopRun(
  cluster: ClusterRun,
  { ids, signal = never }: { readonly ids: ReadonlySet<string>; readonly signal?: AbortSignal },
): Promise<StoppedRun> {
  const { ray, clock, pace } = cluster;
  const wanted = { run: cluster.run(), ids };
  const list = async (): Promise<RunJob[]> => (await listRunJobs(ray, wanted, signal)).filter(isJobUnderWay);
  const before = await list();
  const lanes = before.flatMap(({ kind, name }) => (kind === 'lane' && name !== null ? [name] : []));
  const withdrawn = await withdrawWaves(cluster, [...new Set(lanes)], signal);
  const known = new Set(before.map(({ id }) => id));
  const until = clock.now() + patience;
  for (;;) {
    const left = await list();
    for (const { id } of left) {
      known.add(id);
      await ray.stop(id, signal);
    }
    if (left.length === 0) return { stopped: [...known], withdrawn };
    if (clock.now() >= until)
      throw stuck(
        cluster,
        left.map(({ id }) => id),
      );
    await waitFor(clock, Math.min(1000, pace.few), signal);
  }
}

/** Says in the storage that nobody waits for what the lanes were asked. */
async function withdrawWaves(cluster: ClusterRun, lanes: readonly string[], signal: AbortSignal): Promise<number> {
  if (lanes.length === 0) return 0;
  const wayBack = await cluster.wayBack(signal);
  const files = new Map<string, Uint8Array>();
  for (const lane of lanes) {
    const home = `runs/${cluster.name()}/lanes/${lane}`;
    const withdrawn = new Set(await wayBack.list(`${home}/withdraw`, { purpose: 'done', signal }));
    for (const file of await wayBack.list(`${home}/requests`, { purpose: 'done', signal })) {
      const wave = /^([0-9a-f]+)\.jsonl\.gz$/.exec(file)?.[1];
      if (wave !== undefined && !withdrawn.has(wave)) files.set(`${home}/withdraw/${wave}`, new Uint8Array());
    }
  }
  if (files.size === 0) return 0;
  if (wayBack.deliver !== null) await wayBack.deliver(files);
  else await deliverByJob(cluster, files, signal);
  return files.size;
}

async function deliverByJob(cluster: ClusterRun, files: ArchiveFiles, signal: AbortSignal): Promise<void> {
  const { ray, clock, pace } = cluster;
  const hash = hashJson([cluster.name(), [...files.keys()].sort()]);
  const id = deliverJobId(hash);
  await cluster.submit(
    {
      ...{ kind: 'deliver', id, mark: hash, keys: {}, metadata: {} },
      ...{ deliver: () => Promise.resolve(files), onEnded: 'renew' },
    },
    signal,
  );
  for (const until = clock.now() + patience; clock.now() < until;) {
    const job = await ray.find(id, signal);
    if (job === null || !isJobUnderWay(job)) return;
    await waitFor(clock, Math.min(1000, pace.few), signal);
  }
  cluster.onNotice(`${id} does not come to withdraw what was asked; jobs are stopped all the same`);
}

function stuck({ ray, settings }: ClusterRun, ids: readonly string[]): DriftlineError {
  const [one = ''] = ids;
  return new DriftlineError({
    code: 'cluster-job-stuck',
    message: `${String(ids.length)} ${ids.length === 1 ? 'job' : 'jobs'} at ${ray.address} did not stop within ${String(patience / 1000)} seconds: ${ids.slice(0, 5).join(', ')}`,
    hint: `A job that still waits for its place holds no GPU, and Ray stops it only when its turn comes: run the same command later. \`ray job stop ${one} --address ${settings.ray}\` asks for the same.`,
    details: { jobs: ids },
  });
}
