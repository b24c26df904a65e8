import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { readHostedEndpoint } from '../services/hosted-service.js';
import { keyFileVariable, keyNames } from '../services/read-key-file.js';
import { services } from '../services/services.js';
import { sdkMissing, TinkerFailure, tinkerKinds } from './tinker-failure.js';

/** How the session ends, as the service is told. */
type Farewell = 'success' | 'errored' | 'interrupted';

/** The SDK in a process of its own, with at most one session. */
export interface TinkerWorker {
  /** Throws a `TinkerFailure`; after one the session must not be used any more. The signal ends the process. */
  readonly call: <Result>(
    op: string,
    message: object,
    result: z.ZodType<Result>,
    signal?: AbortSignal,
  ) => Promise<Result>;
  /** Ends the process at once. */
  readonly kill: () => void;
  /** Ends the session as far as the service takes part in that, and the process. May be called twice. */
  readonly close: (status: Farewell) => Promise<void>;
}

export interface TinkerWorkerSettings {
  /** TINKER_API_KEY, TINKER_BASE_URL, DRIFTLINE_PYTHON and what Python needs. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const script = fileURLToPath(new URL('../../../python/tinker_worker.py', import.meta.url));

/** Where the service is, as its SDK is told: without the path of OpenAI's protocol. */
export function readTinkerAddress(environment: TinkerWorkerSettings['environment']): string {
  return readHostedEndpoint(environment, services.tinker).replace(/\/oai\/api\/v1$/, '');
}

/** The interpreter that has the SDK. */
export function choosePython({ DRIFTLINE_PYTHON: named }: TinkerWorkerSettings['environment']): string {
  const chosen = named?.trim() ?? '';
  return chosen === '' ? 'python3' : chosen;
}

/** The key, from the environment alone. No error shows it. */
export function readTinkerKey(environment: TinkerWorkerSettings['environment']): string {
  const { key: variable } = services.tinker.variables;
  const key = environment[variable]?.trim() ?? '';
  if (/^[\x21-\x7e]+$/.test(key)) return key;
  throw new DriftlineError({
    code: 'provider-unauthorized',
    message: key === '' ? `${variable} is not set` : `${variable} has characters that no key has`,
    hint: `Set ${variable} to your key, in the environment or in the file that ${keyFileVariable} names. Fine-tuning there takes the SDK of Tinker, too: ${choosePython(environment)} -m pip install --upgrade tinker.`,
  });
}

const replySchema = z.object({
  call: z.int(),
  ok: z.unknown().optional(),
  error: z.object({ kind: z.enum(tinkerKinds), type: z.string(), message: z.string() }).optional(),
});

const helloSchema = z.object({ sdk: z.string() });

/** The version of the SDK; what is no Python with an SDK that can be used is told here. */
export async function greetWorker(
  worker: TinkerWorker,
  { environment }: TinkerWorkerSettings,
  signal?: AbortSignal,
): Promise<string> {
  try {
    return (await worker.call('hello', {}, helloSchema, signal)).sdk;
  } catch (cause) {
    if (cause instanceof TinkerFailure && cause.kind === 'died' && signal?.aborted !== true)
      throw sdkMissing(choosePython(environment), cause.message === '' ? `it ended with ${cause.type}` : cause.message);
    throw cause;
  }
}

/** So much of what Python complains of is kept for an error. */
const keptComplaints = 2000;
/** Milliseconds that a process has to end by itself. */
const patience = 30_000;

/**
 * Starts Python with the SDK. The key goes along in its environment and nowhere else; other keys stay here. The process
 * ends with driftline, even if that is killed: its stdin ends then.
 */
export function openTinkerWorker({ environment }: TinkerWorkerSettings): TinkerWorker {
  const python = choosePython(environment);
  const key = readTinkerKey(environment);
  const others = new Set(keyNames.filter((name) => name !== services.tinker.variables.key));
  const passed = Object.entries(environment).filter(([name]) => !others.has(name) && name !== keyFileVariable);
  const child = spawn(python, ['-P', script], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      ...Object.fromEntries(passed),
      [services.tinker.variables.key]: key,
      TINKER_BASE_URL: readTinkerAddress(environment),
      // Reports of errors would go to its maker, with what is in them.
      TINKER_TELEMETRY: '0',
      PYTHONUNBUFFERED: '1',
    },
  });
  let complaints = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-keptComplaints);
  });
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (cause: unknown) => void }>();
  let count = 0;
  let ended: Error | null = null;
  const fail = (cause: Error): void => {
    ended ??= cause;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  child.on('error', (cause: NodeJS.ErrnoException) => {
    fail(cause.code === 'ENOENT' ? sdkMissing(python, 'there is no such program') : sdkMissing(python, cause.message));
  });
  // A process that has ended takes nothing any more: that is told by its end.
  child.stdin.on('error', () => undefined);
  const exited = once(child, 'close').then(
    () => {
      fail(
        new TinkerFailure(
          'died',
          child.signalCode ?? `exit code ${String(child.exitCode)}`,
          complaints.trim().split('\n').at(-1) ?? '',
        ),
      );
    },
    () => undefined,
  );
  createInterface({ input: child.stdout }).on('line', (line) => {
    const reply = parseReply(line);
    const call = reply === null ? undefined : waiting.get(reply.call);
    if (reply === null || call === undefined) return;
    waiting.delete(reply.call);
    const { error } = reply;
    if (error === undefined) call.resolve(reply.ok);
    else if (error.kind === 'sdk') call.reject(sdkMissing(python, error.message));
    else call.reject(new TinkerFailure(error.kind, error.type, error.message));
  });

  const worker: TinkerWorker = {
    call: async (op, message, result, signal) => {
      if (ended !== null) throw ended;
      count += 1;
      const call = count;
      signal?.addEventListener('abort', worker.kill, { once: true });
      try {
        const replied = new Promise<unknown>((resolve, reject) => {
          waiting.set(call, { resolve, reject });
        });
        child.stdin.write(`${JSON.stringify({ ...message, op, call })}\n`);
        if (signal?.aborted === true) worker.kill();
        return result.parse(await replied);
      } finally {
        signal?.removeEventListener('abort', worker.kill);
      }
    },
    kill: () => {
      child.kill('SIGKILL');
    },
    close: async (status) => {
      const kill = setTimeout(() => child.kill('SIGKILL'), patience);
      await worker.call('close', { status }, z.unknown()).catch(() => undefined);
      child.stdin.end();
      await exited;
      clearTimeout(kill);
    },
  };
  return worker;
}

function parseReply(line: string): z.output<typeof replySchema> | null {
  try {
    return replySchema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
