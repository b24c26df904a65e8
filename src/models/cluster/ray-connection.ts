import { Agent, request as requestByHttp } from 'node:http';
import { Agent as TlsAgent, request as requestByHttps } from 'node:https';
import type { z } from 'zod';
import { chooseBackoff } from '../../foundation/choose-backoff.js';
import { type Clock, systemClock, waitFor } from '../../foundation/clock.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { classifyRayFailure, lastLineOf, type RayFailure } from './ray-answers.js';

export interface RayConnectionSettings {
  readonly token: string | null;
  readonly clock?: Clock;
  /**
   * Milliseconds in which nothing goes or comes: a head that dies keeps connections open and says nothing, and a large
   * file takes its time.
   */
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

export interface RayCall {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: Uint8Array | object;
  readonly signal?: AbortSignal | undefined;
}

/** An answer with its status, whatever it is; null where none came. */
type Outcome =
  { readonly status: number; readonly bytes: Buffer } | { readonly status: null; readonly problem: string };

/** Requests to a Ray that may get lost, and their answers. */
export interface RayConnection {
  /** As it may be shown. */
  readonly address: string;
  /** The bytes of an answer with success, or which of the `expected` failures it is; all others are errors. */
  readonly call: <Expected extends RayFailure>(
    wanted: RayCall,
    expected: readonly Expected[],
  ) => Promise<Buffer | Expected>;
  /** What an answer with success says. */
  readonly read: <Value>(wanted: RayCall, schema: z.ZodType<Value>) => Promise<Value>;
  /** The same; null for the failures that say that there is nothing. */
  readonly readIfThere: <Value>(
    wanted: RayCall,
    schema: z.ZodType<Value>,
    absent: readonly RayFailure[],
  ) => Promise<Value | null>;
  /** Lets go of open connections. */
  readonly close: () => void;
}

const never = new AbortController().signal;

/**
 * Asks Ray by `node:http`: it takes the headers of `fetch` for those of a browser, and refuses to change anything.
 * Requests that were lost are sent again with backoff. All of them may be sent twice: jobs have ids, and packages the
 * names of their content.
 */
export function openRayConnection(address: string, settings: RayConnectionSettings): RayConnection {
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

  return {
    ...{ address: root.origin, call },
    read: async (wanted, schema) => parseAnswer(await call(wanted, []), schema, root.origin, wanted),
    readIfThere: async (wanted, schema, absent) => {
      const answer = await call(wanted, absent);
      return typeof answer === 'string' ? null : parseAnswer(answer, schema, root.origin, wanted);
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
      hint: `Start one with \`(umask 077; ray get-auth-token --generate) > /dev/null && RAY_AUTH_MODE=token ray start --head\`, or, if it runs elsewhere, bring its port here: \`ssh -L 8265:127.0.0.1:8265 HOST\` or \`kubectl port-forward svc/NAME-head-svc 8265\`. Then run the same command again; a run goes on where it was.`,
      details,
    });
  return new DriftlineError({
    code: 'cluster-failed',
    message: `Ray at ${shown} answers ${String(status)} to ${method} ${path.replace(/\?.*/, '')}: ${lastLineOf(text)}`,
    hint: 'Look at the dashboard of Ray for what is wrong there, and run the same command again: it goes on from there.',
    details,
  });
}
