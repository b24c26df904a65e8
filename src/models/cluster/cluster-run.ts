import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { type Clock, systemClock, waitFor } from '../../foundation/clock.js';
import { hashContent } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { quoteForShell } from '../../foundation/quote-for-shell.js';
import { readPackageVersion } from '../../foundation/package-version.js';
import { refuseSecrets } from './cluster-security.js';
import type { ClusterSettings } from './cluster-settings.js';
import type { GpuLedger } from '../gpu-meter.js';
import { createClusterSpending, type ClusterSpending } from './cluster-spending.js';
import { openRay } from './open-ray.js';
import { parseProgress, type ClusterJobKind } from './job-ids.js';
import type { RayClient } from './ray-client.js';
import { createRequestBudget, type RequestBudget } from './request-budget.js';
import { submitOnce, type SubmittedJob, type WantedJob } from './submit-job.js';
import { pipLine } from './tested-software.js';
import {
  createClusterWatcher,
  mayPass,
  usualPace,
  type ClusterSight,
  type ClusterWatcher,
  type WatchingPace,
} from './watch-cluster.js';
import { usualWaveLimits, type WaveLimits } from './wave-collector.js';
import { openWayBack, type WayBack } from './way-back.js';
import type { ArchiveFiles } from './zip-archive.js';

export interface ClusterRunSettings {
  readonly settings: ClusterSettings;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Names the run: what several runs ask of one cluster is kept apart by it. */
  readonly run: () => string;
  /** Folder of the run here, once it has one; null for none. */
  readonly folder?: () => string | null;
  /** Whether a Ray that others reach may have no token. */
  readonly allowsOpen?: boolean;
  /** Whether jobs are stopped when what waits for them is. */
  readonly cancelsJobs?: boolean;
  /** Counts what GPUs cost; null for nobody. Asked for when something begins. */
  readonly spending?: () => GpuLedger | null;
  readonly onNotice?: (notice: string) => void;
  readonly onSight?: (sight: ClusterSight) => void;
  readonly clock?: Clock;
  readonly pace?: WatchingPace;
  readonly waves?: WaveLimits;
  /** Requests a second that are always allowed. */
  readonly leastRate?: number;
  /** Retries of a request that was lost. */
  readonly retries?: number;
}

/** What a job is asked to do, beside its files. */
interface JobOrder {
  readonly kind: ClusterJobKind;
  readonly id: string;
  readonly mark: string;
  /** What the order has besides. */
  readonly keys: Readonly<Record<string, unknown>>;
  /** Files for the storage, by their names there. */
  readonly deliver: () => Promise<ArchiveFiles>;
  /** Shown at the dashboard. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly onEnded: WantedJob['onEnded'];
}

/** A cluster as one run uses it: one connection, one budget, one loop that watches. */
export interface ClusterRun {
  readonly settings: ClusterSettings;
  readonly ray: RayClient;
  readonly budget: RequestBudget;
  readonly watcher: ClusterWatcher;
  readonly clock: Clock;
  readonly pace: WatchingPace;
  readonly waves: WaveLimits;
  readonly onNotice: (notice: string) => void;
  /** Whether jobs are stopped when what waits for them is. */
  readonly cancelsJobs: boolean;
  /** Ids of the jobs that were asked for. */
  readonly asked: ReadonlySet<string>;
  /** Of the run, as it calls itself. */
  readonly run: () => string;
  /** Of the run here; null for none. */
  readonly folder: () => string | null;
  /** Of the run, as folders and jobs are called. */
  readonly name: () => string;
  readonly wayBack: (signal?: AbortSignal) => Promise<WayBack>;
  readonly submit: (order: JobOrder, signal?: AbortSignal) => Promise<SubmittedJob>;
  readonly spending: ClusterSpending;
  /** Ids of jobs of vLLMs that this run has made or followed. */
  readonly lanes: Set<string>;
  /** Stops them between two answers: what they have answered stays, and a later run asks for the rest. */
  readonly stopLanes: () => Promise<void>;
  /** Whether a cell of this run says that it is done. One listing tells of all. */
  readonly isCellDone: (cell: string) => Promise<boolean>;
  /** Does what may be done again until it comes through: a head that is away may come back. */
  readonly patiently: <Result>(task: () => Promise<Result>, signal?: AbortSignal) => Promise<Result>;
  /** The same once the cluster has answered this run: before that its address may be wrong, which is said at once. */
  readonly patientlyOnceReached: <Result>(task: () => Promise<Result>, signal?: AbortSignal) => Promise<Result>;
}

/** What jobs run: sent with each of them, nothing is installed on the cluster. */
const jobFolder = fileURLToPath(new URL('../../../python/driftline_jobs/', import.meta.url));

/** The oldest Ray that knows tokens, and the interface that is spoken. */
const [oldestRay, interfaceVersion] = [[2, 52], '4'];

/** Opens the cluster that a plan names. Nothing is asked of it before the first job. */
export async function openClusterRun(given: ClusterRunSettings): Promise<ClusterRun> {
  const { settings, environment, run, allowsOpen = false, cancelsJobs = false, onNotice = () => undefined } = given;
  const spending = createClusterSpending({ settings, ledger: given.spending ?? (() => null) });
  const lanes = new Set<string>();
  const { clock = systemClock, pace = usualPace, waves = usualWaveLimits, leastRate, retries } = given;
  refuseSecrets(settings.environment, environment);
  const ray = await openRay({
    ...{ ray: settings.ray, environment, allowsOpen, onNotice, clock },
    ...(retries === undefined ? {} : { retries }),
  });
  const counts = { jobs: () => 0 };
  const budget = createRequestBudget({
    ...{ clock, jobs: () => counts.jobs() },
    ...(leastRate === undefined ? {} : { leastRate }),
  });
  const name = (): string => nameRunThere(run());
  const asked = new Set<string>();
  let opened: WayBack | null = null;
  let opening: Promise<WayBack> | null = null;
  const openWay = async (): Promise<WayBack> => {
    const { storage, storage_here: here } = settings;
    // The dashboard until the folder turns out to be the same one, which the first job shows.
    return (opened = await openWayBack({
      ...{ ray, budget, storage, dashboard: opened },
      ...(here === undefined ? {} : { storageHere: here === 'none' ? null : here }),
    }));
  };
  const wayBack = async (signal?: AbortSignal): Promise<WayBack> => {
    if (opened?.kind === 'folder') return opened;
    // A thousand cells that begin together find it out once.
    const way = await (opening ??= openWay().finally(() => {
      opening = null;
    }));
    signal?.throwIfAborted();
    return way;
  };
  const watcher = createClusterWatcher({
    ...{ ray, wayBack: () => wayBack(), budget, clock, pace, onNotice },
    folder: () => `runs/${name()}/progress`,
    ...(given.onSight === undefined ? {} : { onSight: given.onSight }),
  });
  counts.jobs = watcher.count;
  let checked: Promise<void> | null = null;
  let isReached = false;
  const requireRay = (): Promise<void> =>
    (checked ??= checkVersion(ray, onNotice).then(
      () => {
        isReached = true;
      },
      (cause: unknown) => {
        checked = null;
        throw cause;
      },
    ));

  let listed: { readonly at: number; readonly done: Promise<ReadonlySet<string>> } | null = null;
  async function listDone(): Promise<ReadonlySet<string>> {
    const names = await (await wayBack()).list(`runs/${name()}/progress`, { purpose: 'done' });
    return new Set(
      names.flatMap((file) => {
        const progress = parseProgress(file);
        return progress?.kind === 'train' && progress.state === 'done' ? [progress.name] : [];
      }),
    );
  }

  async function patiently<Result>(task: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    const until = clock.now() + pace.patience;
    for (;;) {
      try {
        return await task();
      } catch (cause) {
        if (!mayPass(cause) || clock.now() >= until) throw cause;
      }
      await waitFor(clock, pace.pause, signal ?? never);
    }
  }

  async function patientlyOnceReached<Result>(task: () => Promise<Result>, signal?: AbortSignal): Promise<Result> {
    try {
      return await task();
    } catch (cause) {
      // It may be this task whose first request has come through.
      if (!isReached || !mayPass(cause)) throw cause;
    }
    return patiently(task, signal);
  }

  return {
    ...{ patiently, patientlyOnceReached },
    ...{ spending, lanes, settings, ray, budget, watcher, clock, pace, waves, onNotice, cancelsJobs, asked, run },
    ...{ name, wayBack, folder: given.folder ?? (() => null) },
    stopLanes: async () => {
      for (const id of lanes) {
        lanes.delete(id);
        const isStopped = await ray.stop(id);
        if (isStopped === true) onNotice(`${id} at ${ray.address} is stopped; what it has answered stays there`);
      }
    },
    isCellDone: async (cell) => {
      if (listed === null || clock.now() - listed.at > pace.jobs) listed = { at: clock.now(), done: listDone() };
      return (await listed.done.catch((): ReadonlySet<string> => new Set())).has(cell);
    },
    submit: async ({ kind, id, mark, keys, deliver, metadata, onEnded }, signal) => {
      await requireRay();
      asked.add(id);
      const { storage, python, environment: variables } = settings;
      const order = { v: 1, kind, storage, run: name(), ...keys };
      return submitOnce(
        ray,
        {
          ...{ id, mark, onEnded, environment: variables },
          entrypoint: `exec ${quoteForShell(python)} -P -m driftline_jobs.driver`,
          metadata: { driftline: readPackageVersion(), run: run(), storage, ...metadata },
          readFiles: async () => {
            const files = new Map<string, Uint8Array>([...(await readJobFiles())]);
            files.set('order.json', Buffer.from(`${JSON.stringify(order)}\n`));
            for (const [file, bytes] of await deliver()) files.set(`deliver/${file}`, bytes);
            return files;
          },
        },
        { clock, ...(signal === undefined ? {} : { signal }) },
      );
    },
  };
}

const never = new AbortController().signal;

/** What a run is called in names of folders and jobs: short, and without what no folder may be called. */
export function nameRunThere(run: string): string {
  return hashContent(run).slice(0, 8);
}

let jobFiles: Promise<ArchiveFiles> | null = null;

/** Read once: a thousand jobs run the same. */
function readJobFiles(): Promise<ArchiveFiles> {
  return (jobFiles ??= readFolder().catch((cause: unknown) => {
    jobFiles = null;
    throw cause;
  }));
}

async function readFolder(): Promise<ArchiveFiles> {
  const names = (await readdir(jobFolder)).filter((name) => name.endsWith('.py')).sort();
  return new Map(
    await Promise.all(
      names.map(async (name) => [`driftline_jobs/${name}`, await readFile(join(jobFolder, name))] as const),
    ),
  );
}

async function checkVersion(ray: RayClient, onNotice: (notice: string) => void): Promise<void> {
  const { version, ray_version: found } = await ray.version();
  const [major = 0, minor = 0] = found.split('.').map(Number);
  const isOld = major < (oldestRay[0] ?? 0) || (major === oldestRay[0] && minor < (oldestRay[1] ?? 0));
  if (isOld || Number(version) < Number(interfaceVersion))
    throw new DriftlineError({
      code: 'cluster-version',
      message: `Ray at ${ray.address} is of version ${found}, and ${oldestRay.join('.')} or later is needed`,
      hint: `Install a later one on all nodes, and start Ray again: \`${pipLine('python3', ['ray'])}\` is what driftline is tested with.`,
      details: { address: ray.address, version: found },
    });
  if (version !== interfaceVersion)
    onNotice(
      `Ray at ${ray.address} speaks version ${version} of its interface, and driftline was tested with ${interfaceVersion}`,
    );
}
