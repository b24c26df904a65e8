import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve, sep } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { unzipSync } from 'fflate';

/** A job whose driver runs. */
export interface FakeDriver {
  readonly id: string;
  readonly entrypoint: string;
  readonly environment: Readonly<Record<string, string>>;
  /** What is in its working directory. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** Log folder of the session, where links lead to the storage. */
  readonly logs: string;
  /** Prints a line into the job's log. */
  readonly print: (line: string) => void;
  /** Aborted when the job is stopped, and when the head dies. */
  readonly signal: AbortSignal;
}

/** What drives a job: its exit code. Default: its entrypoint, in a shell. */
export type FakeRunner = (driver: FakeDriver) => Promise<number>;

interface FakeJob {
  readonly id: string;
  readonly entrypoint: string;
  readonly metadata: unknown;
  readonly environment: unknown;
  readonly stop: AbortController;
  log: string;
  status: 'PENDING' | 'RUNNING' | 'STOPPED' | 'SUCCEEDED' | 'FAILED';
  message: string;
  error: string | null;
  node: string | null;
  code: number | null;
  start: number;
  end: number | null;
}

export interface FakeRay {
  readonly address: string;
  readonly token: string;
  readonly jobs: Map<string, FakeJob>;
  readonly packages: Map<string, Uint8Array>;
  /** Method, path and body of each request, for counts and for searches. */
  readonly requests: { readonly method: string; readonly path: string; readonly body: Buffer }[];
  /** Requests by their kinds. */
  readonly counts: Map<string, number>;
  readonly logs: string;
  nodes: { id: string; isHead: boolean; isAlive: boolean; gpus: number }[];
  version: { version: string; ray_version: string };
  /** False for one that was started without a token. */
  asksForToken: boolean;
  /** Answers, or does not, in place of Ray where it returns true. */
  intercept: (response: ServerResponse, request: IncomingMessage) => boolean;
  run: FakeRunner;
  /** Jobs whose ids these are wait, and do not stop. */
  readonly held: Set<string>;
  /** Names that Ray holds for jobs that are gone: others of these ids cannot begin. */
  readonly taken: Set<string>;
  /** Jobs whose ids these are leave a remnant, once, when they are removed: Ray hears too late of how they ended. */
  readonly lateEnds: Set<string>;
  /** The head dies and comes back: no jobs and packages, the same files. */
  readonly restart: () => void;
  readonly close: () => Promise<void>;
}

export interface FakeRaySettings {
  readonly token?: string;
  readonly run?: FakeRunner;
  /** Milliseconds before a job runs. */
  readonly startAfter?: number;
  /** Whether requests are kept, with their bodies, and not only counted. Default true. */
  readonly keepsRequests?: boolean;
}

export const headNode = 'a'.repeat(56);
const mostPackage = 100 * 2 ** 20;
const waiting =
  'Job has not started yet. It may be waiting for resources (CPUs, GPUs, memory, custom resources) to become available. It may be waiting for the runtime environment to be set up.';
const knownFields = new Set([
  'entrypoint',
  'submission_id',
  'runtime_env',
  'metadata',
  'entrypoint_num_cpus',
  'entrypoint_num_gpus',
  'entrypoint_resources',
]);

const traceback = (text: string): string =>
  `Traceback (most recent call last):\n  File "/usr/lib/python3/ray/dashboard/modules/job/job_head.py", line 1, in answer\nRuntimeError: Request failed with status code 400: ${text}\n`;

/** A server that answers as the dashboard of Ray 2.60 does; what that answers is recorded in test/fixtures/cluster/ray. */
export async function startFakeRay({
  token = 'fake-token-0123456789',
  run = runInShell,
  startAfter = 5,
  keepsRequests = true,
}: FakeRaySettings = {}): Promise<FakeRay> {
  const session = join(await mkdtemp(join(tmpdir(), 'driftline-ray-')), 'session_2026-01-01_00-00-00_000000_1');
  const logs = join(session, 'logs');
  await mkdir(logs, { recursive: true });

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const { method = 'GET', url = '/' } = request;
      ray.counts.set(kindOf(method, url), (ray.counts.get(kindOf(method, url)) ?? 0) + 1);
      if (keepsRequests) ray.requests.push({ method, path: url, body });
      if (ray.intercept(response, request)) return;
      answer(method, new URL(url, 'http://ray'), body, request).then(
        ([status, told]) => {
          const isText = typeof told === 'string' || Buffer.isBuffer(told);
          const type = isText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8';
          response.writeHead(status, status === 200 && url.includes('/packages/') ? {} : { 'content-type': type });
          response.end(isText ? told : JSON.stringify(told));
        },
        () => response.destroy(),
      );
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  async function answer(
    method: string,
    url: URL,
    body: Buffer,
    { headers }: IncomingMessage,
  ): Promise<[number, unknown]> {
    const given = headers.authorization ?? headers['x-ray-authorization'];
    if (given === undefined && ray.asksForToken) return [401, 'Unauthorized: Missing authentication token'];
    if (ray.asksForToken && given !== `Bearer ${token}`) return [403, 'Forbidden: Invalid authentication token'];
    if (method !== 'GET' && headers['sec-fetch-mode'] !== undefined)
      return [405, `'${method}' method not allowed for browser traffic.`];
    const { pathname: path, searchParams: query } = url;
    if (path === '/api/version')
      return [200, { ...ray.version, ray_commit: 'f'.repeat(40), session_name: session.split(sep).at(-1) }];
    const [, archive] = /^\/api\/packages\/gcs\/(.+)$/.exec(path) ?? [];
    if (archive !== undefined) {
      if (method === 'PUT') {
        if (body.length > mostPackage) return [413, 'Maximum request body size exceeded'];
        ray.packages.set(archive, body);
        return [200, ''];
      }
      return ray.packages.has(archive) ? [200, ''] : [404, `Package gcs://${archive} does not exist`];
    }
    if (path === '/api/jobs/') return method === 'POST' ? submit(body) : [200, [...ray.jobs.values()].map(describe)];
    const [, logged] = /^\/api\/jobs\/([^/]+)\/logs$/.exec(path) ?? [];
    if (logged !== undefined) {
      const log = ray.jobs.get(logged)?.log;
      return log === undefined ? [404, `Job ${logged} does not exist`] : [200, { logs: log }];
    }
    const [, id = '', action] = /^\/api\/jobs\/([^/]+)(\/stop)?$/.exec(path) ?? [];
    if (id !== '') return act(method, id, action !== undefined);
    if (path === '/api/v0/nodes') return [200, describeNodes()];
    if (path === '/api/cluster_status') {
      const total = ray.nodes.reduce((sum, { gpus, isAlive }) => sum + (isAlive ? gpus : 0), 0);
      const used = Math.min(total, [...ray.jobs.values()].filter(({ status }) => status === 'RUNNING').length);
      return [200, { data: { clusterStatus: { loadMetricsReport: { usage: { CPU: [0, 4], GPU: [used, total] } } } } }];
    }
    if (path === '/api/v0/logs') return list(query.get('node_id') ?? '', query.get('glob') ?? '*');
    if (path === '/api/v0/logs/file')
      return read(query.get('node_id') ?? '', query.get('filename') ?? '', Number(query.get('lines') ?? '1000'));
    return [404, '404: Not Found'];
  }

  function submit(body: Buffer): [number, unknown] {
    const wanted = JSON.parse(body.toString()) as Record<string, unknown>; // as driftline writes it
    const unknown = Object.keys(wanted).find((key) => !knownFields.has(key));
    if (unknown !== undefined) return [400, traceback(`TypeError: got an unexpected keyword argument '${unknown}'`)];
    const metadata = wanted['metadata'] ?? {};
    const bad = Object.values(metadata).find((value) => typeof value !== 'string');
    if (bad !== undefined)
      return [400, `Traceback (most recent call last):\nTypeError: metadata values must be strings, got <class 'int'>`];
    const id = String(wanted['submission_id']);
    if (ray.jobs.has(id)) return [500, traceback(`Job with submission_id ${id} already exists`)];
    const job: FakeJob = {
      ...{ id, entrypoint: String(wanted['entrypoint']), metadata, environment: wanted['runtime_env'] ?? {} },
      ...{
        stop: new AbortController(),
        log: '',
        status: 'PENDING',
        message: waiting,
        error: null,
        node: null,
        code: null,
      },
      ...{ start: Date.now(), end: null },
    };
    ray.jobs.set(id, job);
    if (Object.keys(wanted['entrypoint_resources'] ?? {}).length > 0) ray.held.add(id);
    drive(job).catch(() => undefined);
    return [200, { job_id: id, submission_id: id }];
  }

  async function drive(job: FakeJob): Promise<void> {
    const isGone = (): boolean => ray.jobs.get(job.id) !== job;
    const end = (status: FakeJob['status'], message: string): void => {
      Object.assign(job, { status, message, end: Date.now() });
    };
    await setTimeout(startAfter);
    while (ray.held.has(job.id)) {
      if (isGone()) return;
      await setTimeout(20);
    }
    if (isGone()) return;
    const isStopped = (): boolean => job.stop.signal.aborted;
    if (isStopped()) {
      end('STOPPED', 'Job was intentionally stopped.');
      return;
    }
    if (ray.taken.has(job.id)) {
      job.error = 'JOB_SUPERVISOR_ACTOR_START_FAILURE';
      end(
        'FAILED',
        `ray.exceptions.ActorAlreadyExistsError: The name _ray_internal_job_actor_${job.id} (namespace=SUPERVISOR_ACTOR_RAY_NAMESPACE) is already taken. Please use a different name or get the existing actor using ray.get_actor('_ray_internal_job_actor_${job.id}', namespace='SUPERVISOR_ACTOR_RAY_NAMESPACE')`,
      );
      return;
    }
    const { working_dir: uri, env_vars: environment } = job.environment as {
      working_dir?: string;
      env_vars?: Record<string, string>;
    }; // as driftline writes it
    const archive = ray.packages.get(uri?.replace('gcs://', '') ?? '');
    if (archive === undefined) {
      job.error = 'RUNTIME_ENV_SETUP_FAILURE';
      end(
        'FAILED',
        'runtime_env setup failed: Failed to set up runtime environment.\nCould not create the actor because its associated runtime env failed to be created.\n[Node 1.2.3.4] Traceback (most recent call last):\nno such package',
      );
      return;
    }
    Object.assign(job, { status: 'RUNNING', message: 'Job is currently running.', node: headNode });
    let code: number;
    let problem = '';
    try {
      const files = new Map(Object.entries(unzipSync(archive)));
      const print = (line: string): void => {
        job.log += `${line}\n`;
      };
      code = await ray.run({ ...job, files, environment: environment ?? {}, logs, signal: job.stop.signal, print });
    } catch (cause) {
      code = 1;
      problem = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
    }
    if (isStopped()) {
      end('STOPPED', 'Job was intentionally stopped.');
      return;
    }
    job.code = code;
    if (code === 0) {
      end('SUCCEEDED', 'Job finished successfully.');
      return;
    }
    job.error = 'JOB_ENTRYPOINT_COMMAND_ERROR';
    end(
      'FAILED',
      `Job entrypoint command failed with exit code ${String(code)}, last available logs (truncated to 20,000 chars):\n2026-01-01 00:00:00,000\tINFO job_manager.py:1 -- Runtime env is setting up.\nRunning entrypoint for job ${job.id}: ${job.entrypoint}\n${problem}`,
    );
  }

  function act(method: string, id: string, isStop: boolean): [number, unknown] {
    const job = ray.jobs.get(id);
    if (job === undefined) return [404, `Job ${id} does not exist`];
    const isUnderWay = job.status === 'PENDING' || job.status === 'RUNNING';
    if (isStop) {
      if (isUnderWay) job.stop.abort();
      return [200, { stopped: isUnderWay }];
    }
    if (method !== 'DELETE') return [200, describe(job)];
    if (isUnderWay) {
      const text = `Attempted to delete job '${id}', but it is in a non-terminal state ${job.status}.`;
      return [500, `Traceback (most recent call last):\nRuntimeError: ${text}\n.`];
    }
    ray.jobs.delete(id);
    if (ray.lateEnds.delete(id)) ray.jobs.set(id, createRemnant(job));
    return [200, { deleted: true }];
  }

  const isThere = (node: string): boolean => ray.nodes.some(({ id, isAlive }) => id === node && isAlive);

  async function list(node: string, glob: string): Promise<[number, unknown]> {
    if (!isThere(node)) return [500, '500 Internal Server Error\n\nServer got itself in trouble'];
    const folder = dirname(glob);
    const pattern = new RegExp(
      `^${glob
        .slice(folder.length + 1)
        .replace(/[.@+]/g, '\\$&')
        .replaceAll('*', '.*')}$`,
    );
    const found = await readdir(join(logs, folder)).catch((): string[] => []);
    const names = await Promise.all(
      found
        .filter((name) => pattern.test(name))
        .map(async (name) => {
          const isFolder = (await stat(join(logs, folder, name)).catch(() => null))?.isDirectory() ?? false;
          return `${folder}/${name}${isFolder ? '/' : ''}`;
        }),
    );
    // Files first: so is the order of the real one for most names.
    const ordered = [
      ...names.filter((name) => !name.endsWith('/')).sort(),
      ...names.filter((name) => name.endsWith('/')).sort(),
    ];
    const result: Record<string, string[]> = {};
    for (const name of ordered) (result[name.includes('agent') ? 'agent' : 'internal'] ??= []).push(name);
    return [200, { result: true, msg: '', data: { result } }];
  }

  async function read(node: string, name: string, lines: number): Promise<[number, unknown]> {
    if (!isThere(node)) return [500, traceback(`Agent for node id: ${node} doesn't exist`)];
    const file = resolve(logs, name);
    if (!file.startsWith(logs + sep))
      return [
        500,
        `${file} not in ${logs}: '${file}' is not in the subpath of '${logs}' OR one path is relative and the other is absolute.`,
      ];
    const isFile = (await stat(file).catch(() => null))?.isFile() ?? false;
    if (!isFile) return [500, traceback(`A file is not found at: ${file}`)];
    const bytes = await readFile(file);
    if (lines < 0) return [200, bytes];
    const ended = bytes.toString('latin1').split(/(?<=\n)/);
    return [200, Buffer.from(ended.slice(-lines).join(''), 'latin1')];
  }

  function describeNodes(): object {
    const result = ray.nodes.map(({ id, isHead, isAlive, gpus }) => ({
      ...{ node_id: id, node_ip: '1.2.3.4', is_head_node: isHead, state: isAlive ? 'ALIVE' : 'DEAD' },
      ...{ state_message: null, node_name: '1.2.3.4' },
      resources_total: {
        ...{ 'node:__internal_head__': 1, CPU: 4, 'node:1.2.3.4': 1, memory: 1, GPU: gpus, object_store_memory: 1 },
      },
      labels: { 'ray.io/node-id': id },
    }));
    const counts = { total: result.length, num_after_truncation: result.length, num_filtered: result.length };
    return {
      result: true,
      msg: '',
      data: { result: { ...counts, result, partial_failure_warning: '', warnings: null } },
    };
  }

  const ray: FakeRay = {
    address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    token,
    jobs: new Map(),
    packages: new Map(),
    requests: [],
    counts: new Map(),
    logs,
    nodes: [{ id: headNode, isHead: true, isAlive: true, gpus: 1 }],
    version: { version: '4', ray_version: '2.60.0' },
    asksForToken: true,
    taken: new Set(),
    lateEnds: new Set(),
    intercept: () => false,
    run,
    held: new Set(),
    restart: () => {
      for (const { stop } of ray.jobs.values()) stop.abort();
      ray.jobs.clear();
      ray.packages.clear();
    },
    close: async () => {
      for (const { stop } of ray.jobs.values()) stop.abort();
      ray.jobs.clear();
      ray.held.clear();
      server.closeAllConnections();
      server.close();
      await rm(dirname(session), { recursive: true, force: true });
    },
  };
  return ray;
}

/** What a request is about, without names of jobs, packages and files. */
function kindOf(method: string, url: string): string {
  const path = url.replace(/\?.*/, '').replace(/^(\/api\/(?:jobs|packages\/gcs)\/)[^/]+/, '$1ID');
  return `${method} ${path}`;
}

/** What Ray writes of the end of a job that it has no record of any more. */
function createRemnant(job: FakeJob): FakeJob {
  return {
    ...job,
    ...{ entrypoint: 'Entrypoint not found.', metadata: null, environment: null, status: 'FAILED' },
    ...{ message: 'Job supervisor actor died', error: 'JOB_SUPERVISOR_ACTOR_DIED', node: null, code: null },
  };
}

function describe(job: FakeJob): object {
  return {
    ...{ type: 'SUBMISSION', job_id: null, submission_id: job.id, driver_info: null, status: job.status },
    ...{ entrypoint: job.entrypoint, message: job.message, error_type: job.error },
    ...{ start_time: job.start, end_time: job.end, metadata: job.metadata, runtime_env: job.environment },
    driver_agent_http_address: job.node === null ? null : 'http://1.2.3.4:52365',
    ...{ driver_node_id: job.node, driver_exit_code: job.code },
  };
}

/** In a folder beside the logs, as Ray lays them out. */
async function runInShell({ id, entrypoint, files, logs, environment, signal }: FakeDriver): Promise<number> {
  const folder = join(dirname(logs), 'runtime_resources', 'working_dir_files', id);
  for (const [name, bytes] of files) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), bytes);
  }
  const child = spawn('sh', ['-c', entrypoint], {
    cwd: folder,
    env: { ...process.env, ...environment },
    stdio: 'ignore',
  });
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  signal.addEventListener('abort', kill, { once: true });
  // It may have been stopped before there was anything to kill.
  if (signal.aborted) kill();
  const [code] = (await once(child, 'exit')) as [number | null];
  signal.removeEventListener('abort', kill);
  return code ?? -9;
}
