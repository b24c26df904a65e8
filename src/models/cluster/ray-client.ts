import { Agent, request as requestByHttp } from 'node:http';
import { Agent as TlsAgent, request as requestByHttps } from 'node:https';
import type { z } from 'zod';
import { chooseBackoff } from '../../foundation/choose-backoff.js';
import { type Clock, systemClock, waitFor } from '../../foundation/clock.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import {
  classifyRayFailure,
  lastLineOf,
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
  type RayFailure,
  type RayJob,
  type RayNode,
  type RayVersion,
} from './ray-answers.js';

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

export interface RayClientSettings {
  readonly token: string | null;
  readonly clock?: Clock;
  /** Milliseconds in which nothing goes or comes: a head that dies keeps connections open and says nothing, and a large file takes its time. */
  readonly timeOut?: number;
  /** Draws uniformly from [0, 1), for jitter. */
  readonly uniform?: () => number;
  /** Retries of what was lost. */
  readonly retries?: number;
}

const usualTimeOut = 60_000;
/** Bytes that go at once: each piece that has gone shows that the connection lives. */
const pieceBytes = 2 ** 18;
const usualRetries = 4;
/** A file of a cell with its adapter; more would not fit into one buffer. */
const mostBytes = 4 * 2 ** 30 - 1;

interface RayCall {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: Uint8Array | object;
  readonly signal?: AbortSignal | undefined;
}

/** An answer with its status, whatever it is; null where none came. */
type Outcome =
  { readonly status: number; readonly bytes: Buffer } | { readonly status: null; readonly problem: string };

/**
 * Asks Ray by `node:http`: it takes the headers of `fetch` for those of a browser, and refuses to change anything. Requests that were lost are sent
 * again with backoff. All of them may be sent twice: jobs have ids, and packages the names of their content.
 */
export function createRayClient(address: string, settings: RayClientSettings): RayClient {
  // Jitter is there so that processes differ.
  const jitter = createRandomStream(process.pid, 'ray', address);
  const {
    token,
    clock = systemClock,
    timeOut = usualTimeOut,
    uniform = () => jitter.uniform(),
    retries = usualRetries,
  } = settings;
  const root = new URL(address);
  const isTls = root.protocol === 'https:';
  const agent = isTls
    ? new TlsAgent({ keepAlive: true, maxSockets: 8 })
    : new Agent({ keepAlive: true, maxSockets: 8 });
  const never = new AbortController().signal;

  function send({ method, path, body, signal }: RayCall): Promise<Outcome> {
    return new Promise((resolve, reject) => {
      const isBytes = body instanceof Uint8Array;
      const data = body === undefined ? null : isBytes ? body : Buffer.from(JSON.stringify(body));
      const sent = (isTls ? requestByHttps : requestByHttp)(
        new URL(`${root.pathname.replace(/\/$/, '')}${path}`, root),
        {
          method,
          agent,
          headers: {
            ...(token === null ? {} : { authorization: `Bearer ${token}` }),
            ...(data === null ? {} : { 'content-type': isBytes ? 'application/octet-stream' : 'application/json' }),
            ...(data === null ? {} : { 'content-length': data.length }),
          },
        },
      );
      let isOver = false;
      let cancel = (): void => undefined;
      const renew = (): void => {
        if (isOver) return;
        cancel();
        cancel = clock.after(timeOut, () => {
          finish({ status: null, problem: `nothing came for ${String(Math.round(timeOut / 1000))} seconds` });
        });
      };
      renew();
      const stop = (): void => {
        isOver = true;
        cancel();
        sent.destroy();
        reject(signal?.reason as Error); // whatever the request was stopped with
      };
      const finish = (outcome: Outcome): void => {
        isOver = true;
        cancel();
        signal?.removeEventListener('abort', stop);
        if (outcome.status === null) sent.destroy();
        resolve(outcome);
      };
      signal?.addEventListener('abort', stop, { once: true });
      sent.on('error', (cause) => {
        finish({ status: null, problem: cause.message });
      });
      sent.on('response', (answer) => {
        const chunks: Buffer[] = [];
        let size = 0;
        answer.on('data', (chunk: Buffer) => {
          renew();
          size += chunk.length;
          chunks.push(chunk);
          if (size > mostBytes) finish({ status: null, problem: 'the answer is larger than 4 GB' });
        });
        answer.on('error', (cause) => {
          finish({ status: null, problem: cause.message });
        });
        answer.on('end', () => {
          // A connection that ends too early also ends the answer.
          if (answer.complete) finish({ status: answer.statusCode ?? 0, bytes: Buffer.concat(chunks) });
          else finish({ status: null, problem: 'the connection was lost in the middle of an answer' });
        });
      });
      const sendFrom = (at: number): void => {
        if (isOver) return;
        if (data === null || at >= data.length) {
          sent.end();
          return;
        }
        sent.write(data.subarray(at, at + pieceBytes), (problem) => {
          if (problem instanceof Error) return;
          renew();
          sendFrom(at + pieceBytes);
        });
      };
      sendFrom(0);
    });
  }

  /** The bytes of an answer with success, or which of the `expected` failures it is; all others are errors. */
  async function call<Expected extends RayFailure>(
    wanted: RayCall,
    expected: readonly Expected[],
  ): Promise<Buffer | Expected> {
    for (let attempt = 0; ; attempt += 1) {
      wanted.signal?.throwIfAborted();
      const outcome = await send(wanted);
      if (outcome.status !== null && outcome.status >= 200 && outcome.status < 300) return outcome.bytes;
      const told = outcome.status === null ? outcome.problem : outcome.bytes.toString('utf8');
      // Whatever stands in between may send back what it was sent.
      const text = token === null ? told : told.replaceAll(token, '***');
      const failure = outcome.status === null ? 'lost' : classifyRayFailure(outcome.status, text);
      if (failure === 'lost' && attempt < retries) {
        await waitFor(clock, chooseBackoff(attempt, uniform), wanted.signal ?? never);
        continue;
      }
      const found = expected.find((one) => one === failure);
      if (found !== undefined) return found;
      throw explainFailure(failure, { shown: root.origin, hasToken: token !== null }, wanted, outcome.status, text);
    }
  }

  async function read<Value>(wanted: RayCall, schema: z.ZodType<Value>): Promise<Value> {
    return parseAnswer(await call(wanted, []), schema, root.origin, wanted);
  }

  return {
    address: root.origin,
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
    find: async (id, signal) => {
      const wanted: RayCall = { method: 'GET', path: `/api/jobs/${id}`, signal };
      const answer = await call(wanted, ['absent']);
      return answer === 'absent' ? null : parseAnswer(answer, rayJobSchema, root.origin, wanted);
    },
    list: async (signal) => {
      const jobs = await read({ method: 'GET', path: '/api/jobs/', signal }, rayJobsSchema);
      return new Map(
        jobs.flatMap(({ submission_id: id, status }) => (typeof id === 'string' ? [[id, status] as const] : [])),
      );
    },
    listInFull: (signal) => read({ method: 'GET', path: '/api/jobs/', signal }, rayJobListSchema),
    readLog: async (id, signal) => {
      const wanted: RayCall = { method: 'GET', path: `/api/jobs/${id}/logs`, signal };
      const answer = await call(wanted, ['absent']);
      return answer === 'absent' ? null : parseAnswer(answer, rayLogSchema, root.origin, wanted).logs;
    },
    stop: async (id, signal) => {
      const wanted: RayCall = { method: 'POST', path: `/api/jobs/${id}/stop`, signal };
      const answer = await call(wanted, ['absent']);
      return answer === 'absent' ? null : parseAnswer(answer, rayStopSchema, root.origin, wanted).stopped;
    },
    remove: async (id, signal) =>
      (await call({ method: 'DELETE', path: `/api/jobs/${id}`, signal }, ['active', 'absent'])) !== 'active',
    nodes: (signal) => read({ method: 'GET', path: '/api/v0/nodes', signal }, rayNodesSchema),
    gpus: (signal) => read({ method: 'GET', path: '/api/cluster_status', signal }, rayUsageSchema),
    listFiles: async (node, glob, signal) => {
      const query = new URLSearchParams({ node_id: node, glob });
      const wanted: RayCall = { method: 'GET', path: `/api/v0/logs?${query.toString()}`, signal };
      // For a node that is gone it says no more than that the server has trouble.
      const answer = await call(wanted, ['node-gone', 'lost']);
      return typeof answer === 'string' ? null : parseAnswer(answer, rayFilesSchema, root.origin, wanted);
    },
    readFile: async (node, file, { lines = -1, signal } = {}) => {
      const query = new URLSearchParams({ node_id: node, filename: file, lines: String(lines), media_type: 'file' });
      const path = `/api/v0/logs/file?${query.toString()}`;
      const answer = await call({ method: 'GET', path, signal }, ['file-absent', 'node-gone']);
      return typeof answer === 'string' ? null : answer;
    },
    close: () => {
      agent.destroy();
    },
  };
}

function parseAnswer<Value>(bytes: Buffer, schema: z.ZodType<Value>, address: string, { path }: RayCall): Value {
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new DriftlineError({
      code: 'cluster-version',
      message: `${address}${path.replace(/\?.*/, '')} answers what Ray does not: ${JSON.stringify(bytes.toString('utf8', 0, 80))}`,
      hint: 'Check that the address is that of the dashboard of a Ray 2.52 or later, usually port 8265.',
      cause,
      details: { address },
    });
  }
}

function explainFailure(
  failure: RayFailure,
  { shown, hasToken }: { readonly shown: string; readonly hasToken: boolean },
  { method, path }: RayCall,
  status: number | null,
  text: string,
): DriftlineError {
  const details = { address: shown, status, isLost: failure === 'lost' };
  if (failure === 'unauthorized')
    return new DriftlineError({
      code: 'cluster-unauthorized',
      message: hasToken ? `Ray at ${shown} refuses the token` : `Ray at ${shown} wants a token`,
      hint: 'Set RAY_AUTH_TOKEN to what `ray get-auth-token` prints on the head of the cluster, or put it into ~/.ray/auth_token here.',
      details,
    });
  if (failure === 'lost' && status === null)
    return new DriftlineError({
      code: 'cluster-unreachable',
      message: `no Ray answers at ${shown}: ${text}`,
      hint: `Start one with \`ray get-auth-token --generate > /dev/null && RAY_AUTH_MODE=token ray start --head\`, or, if it runs elsewhere, bring its port here: \`ssh -L 8265:127.0.0.1:8265 HOST\` or \`kubectl port-forward svc/NAME-head-svc 8265\`. Then run the same command again; a run goes on where it was.`,
      details,
    });
  return new DriftlineError({
    code: 'cluster-failed',
    message: `Ray at ${shown} answers ${String(status)} to ${method} ${path.replace(/\?.*/, '')}: ${lastLineOf(text)}`,
    hint: 'Look at the dashboard of Ray for what is wrong there, and run the same command again: it goes on from there.',
    details,
  });
}
