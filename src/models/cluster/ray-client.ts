import {
  rayFilesSchema,
  rayJobListSchema,
  rayJobSchema,
  rayJobsSchema,
  rayLogSchema,
  rayNodesSchema,
  rayStopSchema,
  rayUsageSchema,
  rayVersionSchema,
  type ListedRayJob,
  type RayJob,
  type RayNode,
  type RayVersion,
} from './ray-answers.js';
import { openRayConnection, type RayConnectionSettings } from './ray-connection.js';

/** A job as Ray is asked for it. */
export interface RaySubmission {
  readonly id: string;
  /** A line of a shell. */
  readonly entrypoint: string;
  /** Name of the package that becomes its working directory. */
  readonly archive: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Ray's interface for jobs and for what lies in the log folders of its nodes. */
export interface RayClient {
  /** As it may be shown. */
  readonly address: string;
  readonly version: (signal?: AbortSignal) => Promise<RayVersion>;
  /** Also keeps the package from being collected for ten minutes. */
  readonly hasPackage: (name: string, signal?: AbortSignal) => Promise<boolean>;
  readonly upload: (name: string, bytes: Uint8Array, signal?: AbortSignal) => Promise<void>;
  /** `exists` where there is a job of that id, in whatever state. */
  readonly submit: (job: RaySubmission, signal?: AbortSignal) => Promise<'submitted' | 'exists'>;
  readonly find: (id: string, signal?: AbortSignal) => Promise<RayJob | null>;
  /** States of all jobs that have an id, by id. */
  readonly list: (signal?: AbortSignal) => Promise<ReadonlyMap<string, string>>;
  /** All jobs, with what their submitters wrote beside them. */
  readonly listInFull: (signal?: AbortSignal) => Promise<readonly ListedRayJob[]>;
  /** What a job has printed; null where there is none of that id. */
  readonly readLog: (id: string, signal?: AbortSignal) => Promise<string | null>;
  /** False where it had ended already; null where there is no such job. A job that waits says true, and waits on. */
  readonly stop: (id: string, signal?: AbortSignal) => Promise<boolean | null>;
  /** False for a job that has not ended. */
  readonly remove: (id: string, signal?: AbortSignal) => Promise<boolean>;
  readonly nodes: (signal?: AbortSignal) => Promise<readonly RayNode[]>;
  readonly gpus: (signal?: AbortSignal) => Promise<{ readonly used: number; readonly total: number }>;
  /** Names below the log folder of a node, as Ray's glob finds them; null where the node is gone. */
  readonly listFiles: (node: string, glob: string, signal?: AbortSignal) => Promise<readonly string[] | null>;
  /** A file, or its last lines; null where there is none, or the node is gone. */
  readonly readFile: (
    node: string,
    file: string,
    options?: { readonly lines?: number; readonly signal?: AbortSignal },
  ) => Promise<Uint8Array | null>;
  /** Lets go of open connections. */
  readonly close: () => void;
}

/** Speaks to the Ray at an address. */
export function createRayClient(address: string, settings: RayConnectionSettings): RayClient {
  const { address: shown, call, read, readIfThere, close } = openRayConnection(address, settings);

  return {
    address: shown,
    version: (signal) => read({ method: 'GET', path: '/api/version', signal }, rayVersionSchema),
    hasPackage: async (name, signal) =>
      (await call({ method: 'GET', path: `/api/packages/gcs/${name}`, signal }, ['absent'])) !== 'absent',
    upload: async (name, bytes, signal) => {
      await call({ method: 'PUT', path: `/api/packages/gcs/${name}`, body: bytes, signal }, []);
    },
    submit: async ({ id, entrypoint, archive, environment, metadata }, signal) => {
      const runtime = { working_dir: `gcs://${archive}`, env_vars: environment };
      const body = { entrypoint, submission_id: id, runtime_env: runtime, metadata, entrypoint_num_cpus: 0 };
      const answer = await call({ method: 'POST', path: '/api/jobs/', body, signal }, ['exists']);
      return answer === 'exists' ? 'exists' : 'submitted';
    },
    find: (id, signal) => readIfThere({ method: 'GET', path: `/api/jobs/${id}`, signal }, rayJobSchema, ['absent']),
    list: async (signal) => {
      const jobs = await read({ method: 'GET', path: '/api/jobs/', signal }, rayJobsSchema);
      return new Map(
        jobs.flatMap(({ submission_id: id, status }) => (typeof id === 'string' ? [[id, status] as const] : [])),
      );
    },
    listInFull: (signal) => read({ method: 'GET', path: '/api/jobs/', signal }, rayJobListSchema),
    readLog: async (id, signal) => {
      const path = `/api/jobs/${id}/logs`;
      return (await readIfThere({ method: 'GET', path, signal }, rayLogSchema, ['absent']))?.logs ?? null;
    },
    stop: async (id, signal) => {
      const path = `/api/jobs/${id}/stop`;
      return (await readIfThere({ method: 'POST', path, signal }, rayStopSchema, ['absent']))?.stopped ?? null;
    },
    remove: async (id, signal) =>
      (await call({ method: 'DELETE', path: `/api/jobs/${id}`, signal }, ['active', 'absent'])) !== 'active',
    nodes: (signal) => read({ method: 'GET', path: '/api/v0/nodes', signal }, rayNodesSchema),
    gpus: (signal) => read({ method: 'GET', path: '/api/cluster_status', signal }, rayUsageSchema),
    listFiles: (node, glob, signal) => {
      const query = new URLSearchParams({ node_id: node, glob });
      const path = `/api/v0/logs?${query.toString()}`;
      // For a node that is gone it says no more than that the server has trouble.
      return readIfThere({ method: 'GET', path, signal }, rayFilesSchema, ['node-gone', 'lost']);
    },
    readFile: async (node, file, { lines = -1, signal } = {}) => {
      const query = new URLSearchParams({ node_id: node, filename: file, lines: String(lines), media_type: 'file' });
      const path = `/api/v0/logs/file?${query.toString()}`;
      const answer = await call({ method: 'GET', path, signal }, ['file-absent', 'node-gone']);
      return typeof answer === 'string' ? null : answer;
    },
    close,
  };
}
