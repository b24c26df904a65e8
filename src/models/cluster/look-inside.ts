import { hashJson } from '../../foundation/content-hash.js';
import { packClosedLines } from './checked-lines.js';
import type { ClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { readDoneIn, readWhole } from './collect-result.js';
import { followRenewedJob, type JobSight } from './follow-renewed-job.js';
import { cellHash, insideJobId } from './job-ids.js';
import { linesName, readFoundInside, tensorsName, type FoundInside } from './read-found-inside.js';
import type { ArchiveFiles } from './zip-archive.js';

/** A model on a cluster that is looked into. */
export interface LookedIntoModel {
  readonly cluster: ClusterRun;
  readonly model: ClusterModel;
  /** An adapter as the cluster calls it, and its files where that does not have it. */
  readonly adapter: { readonly name: string | null; readonly files: ArchiveFiles };
}

export type RequestLine = Readonly<Record<string, unknown>>;

/** Has a job look, called by the hash of all that it is asked, and follows it until it has found that. */
export async function lookInside(
  { cluster, model, adapter }: LookedIntoModel,
  requests: readonly RequestLine[],
  signal: AbortSignal | undefined,
): Promise<FoundInside> {
  const { settings, ray } = cluster;
  const lines = requests.map((request, number) => ({ id: String(number), ...request }));
  const about = { v: 1, model: model.job, adapter: adapter.name, dtype: settings.dtype };
  // With the run, in whose folder it lies.
  const mark = hashJson({ ...about, run: cluster.name(), requests: lines });
  const hash = cellHash(mark);
  const home = `runs/${cluster.name()}/inside/${hash}`;
  const { gpus_per_sampler: gpus, resources, stalled_after: minutes } = settings;
  const submit = (id: string, renews: boolean) =>
    cluster.submit(
      {
        ...{ kind: 'inside', id, mark, metadata: { inside: hash } },
        keys: { hash, gpus, resources, stalled_after: Math.round(minutes * 60) },
        deliver: async () =>
          new Map([
            ...(await model.readFiles()),
            ...adapter.files,
            [`${home}/job.json`, Buffer.from(`${JSON.stringify({ ...about, mark })}\n`)],
            [`${home}/requests.jsonl.gz`, packClosedLines(lines)],
          ]),
        onEnded: renews ? 'renew' : 'keep',
      },
      signal,
    );
  /** Requests that were answered, over all jobs: each begins with what those before it have found. */
  let answered = 0;
  const look = (): JobSight => {
    const before = answered;
    return {
      hasMoved: () => answered > before,
      onMoved: ({ state, count }) => {
        if (state === 'running') answered = Math.max(answered, count);
        return Promise.resolve();
      },
    };
  };
  const files = await followRenewedJob(cluster, {
    ...{ kind: 'inside', name: hash, signal, look, number: 0 },
    ...{ home, faultFile: `${home}/fault.json` },
    idOf: (number) => insideJobId(hash, number),
    submit: (id, isFirst) =>
      isFirst
        ? cluster.patientlyOnceReached(() => submit(id, false), signal)
        : cluster.patiently(() => submit(id, true), signal),
    readResult: async () => {
      const wayBack = await cluster.wayBack(signal);
      const done = await readDoneIn(wayBack, home, mark, signal);
      if (done === null) return null;
      const fetch = (name: string): Promise<Uint8Array> =>
        readWhole(wayBack, `${home}/${name}`, done.files[name], signal);
      return { tensors: await fetch(tensorsName), lines: await fetch(linesName) };
    },
    measure: () => Promise.resolve(answered),
    describe: (id) => ({
      ...{ job: id, address: ray.address, recipe: null, model: model.text, isWhole: 'cell' in model.job },
      ...{ storage: settings.storage, python: settings.python },
    }),
  });
  return readFoundInside(files);
}
