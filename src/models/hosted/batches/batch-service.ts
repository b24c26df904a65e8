import { APIError } from 'openai';
import { z } from 'zod';
import { type Clock, waitFor } from '../../../foundation/clock.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { callWithOwnSignal, type HostedClient } from '../client/hosted-client.js';
import { classifyFailure } from '../traffic/hosted-traffic.js';
import { batchedEndpoint, type HostedBatchRequest, encodeBatchRequest, markBatch } from './batch-settings.js';
import { type HostedBatch, isRejected, readHostedBatch } from './hosted-batch.js';

/** The batches of a service. Calls are retried where that can help and costs nothing. */
export interface BatchService {
  readonly endpoint: string;
  readonly host: string;
  /** Uploads requests; returns the id of the file. */
  readonly upload: (requests: readonly HostedBatchRequest[], signal: AbortSignal) => Promise<string>;
  /** Makes a batch of an uploaded file. Where it is not known whether a request made it, it is looked for before it is made again. */
  readonly create: (file: string, mark: string) => Promise<HostedBatch>;
  /** The latest that bears the mark or has the file; not one that was rejected, nor one of those. */
  readonly find: (
    wanted: { readonly mark: string; readonly file: string | null },
    except: ReadonlySet<string>,
    signal: AbortSignal,
  ) => Promise<HostedBatch | null>;
  /** Null where it is gone. */
  readonly look: (id: string, signal: AbortSignal) => Promise<HostedBatch | null>;
  /** Null where the file is gone. */
  readonly download: (file: string, signal: AbortSignal) => Promise<Response | null>;
}

const metadataKey = 'driftline_batch';
/** Among so many of the latest batches is looked. */
const recentBatches = 1000;
const attempts = 3;

export function openBatchService({ client, endpoint, host, traffic }: HostedClient, clock: Clock): BatchService {
  async function find(
    { mark, file }: { readonly mark: string; readonly file: string | null },
    except: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<HostedBatch | null> {
    return callWithOwnSignal(signal, async (own) => {
      let seen = 0;
      for await (const listed of client.batches.list({ limit: 100 }, { signal: own })) {
        const batch = readHostedBatch(listed);
        const isWanted = batch.metadata?.[metadataKey] === mark || (file !== null && batch.input_file_id === file);
        if (isWanted && !isRejected(batch) && !except.has(batch.id)) return batch;
        seen += 1;
        if (seen >= recentBatches) break;
      }
      return null;
    });
  }

  return {
    endpoint,
    host,
    find,
    upload: (requests, signal) =>
      traffic.send({
        attempt: async (stop) => {
          const name = `driftline-${markBatch(requests).slice(0, 16)}.jsonl`;
          const file = new File(requests.map(encodeBatchRequest), name);
          const { data, response } = await client.files
            .create({ file, purpose: 'batch' }, { signal: stop, maxRetries: 0 })
            .withResponse();
          if (typeof data.id !== 'string') throw noFile(host);
          return { result: data.id, headers: response.headers };
        },
        tokens: 0,
        signal,
      }),
    create: async (file, mark) => {
      const unstopped = new AbortController().signal;
      const body = {
        input_file_id: file,
        endpoint: batchedEndpoint,
        completion_window: '24h',
        metadata: { [metadataKey]: mark },
      } as const;
      for (let attempt = 1; ; attempt += 1) {
        try {
          // A retry of the client's own might make two batches.
          return readHostedBatch(await client.batches.create(body, { maxRetries: 0 }));
        } catch (failure) {
          if (classifyFailure(failure) === 'final') throw failure;
          await waitFor(clock, 500 * 2 ** attempt, unstopped);
          // By its file alone: the mark may be that of an earlier one.
          const found = await find({ mark: '', file }, new Set(), unstopped);
          if (found !== null) return found;
          if (attempt === attempts) throw failure;
        }
      }
    },
    look: async (id, signal) => {
      try {
        return await traffic.send({
          attempt: async (stop) => {
            const { data, response } = await client.batches
              .retrieve(id, { signal: stop, maxRetries: 0 })
              .withResponse();
            return { result: readHostedBatch(data), headers: response.headers };
          },
          tokens: 0,
          signal,
        });
      } catch (failure) {
        if (isGone(failure)) return null;
        throw failure;
      }
    },
    download: async (file, signal) => {
      try {
        return await traffic.send({
          attempt: async (stop) => {
            const result = await client.files.content(file, { signal: stop, maxRetries: 0 });
            return { result, headers: result.headers };
          },
          tokens: 0,
          signal,
        });
      } catch (failure) {
        if (isGone(failure)) return null;
        throw failure;
      }
    },
  };
}

function isGone(failure: unknown): boolean {
  return failure instanceof APIError && Number(failure.status) === 404;
}

function noFile(host: string): DriftlineError {
  return new DriftlineError({
    code: 'provider-unavailable',
    message: `${host} did not say what it calls the file that was uploaded`,
    hint: 'Leave batches out: answers are then asked for by single calls.',
  });
}

const listSchema = z.object({ data: z.array(z.unknown()) });

/** Asks a server, at no cost, whether it has batches, and refuses one that has none; `without` says what to leave out. */
export async function requireBatches(
  { client, host, explain }: HostedClient,
  model: string,
  without: string,
  signal?: AbortSignal,
): Promise<void> {
  const refuse = (): never => {
    throw new DriftlineError({
      code: 'configuration-invalid',
      message: `${model} cannot be asked in batches: ${host} has none`,
      hint: `Leave out ${without}: it is then asked by single calls, which come to the same.`,
      details: { model, host },
    });
  };
  try {
    const response = await callWithOwnSignal(signal, (own) =>
      client.batches.list({ limit: 1 }, { signal: own }).asResponse(),
    );
    // Otherwise it is a page of a proxy, or a list of another kind.
    if (!listSchema.safeParse(await response.json().catch(() => null)).success) refuse();
  } catch (failure) {
    if (DriftlineError.isInstance(failure)) throw failure;
    if (failure instanceof APIError && [404, 405, 501].includes(Number(failure.status))) refuse();
    throw explain(failure, model);
  }
}
