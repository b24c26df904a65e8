import { z } from 'zod';
import type { FileStore } from '../files/file-store.js';
import { requireRoom } from '../http/admission.js';
import { pageOf } from '../http/page-of.js';
import { badRequest } from '../http/protocol-error.js';
import { parseRequest, readJsonBody } from '../http/read-body.js';
import { type HttpExchange, json, type Route } from '../http/route.js';
import { secondsOf, type ServerContext } from '../server-context.js';
import { batchEndpoint, type BatchRecord, isOver } from './batch-record.js';
import type { BatchRunner } from './batch-runner.js';
import type { BatchStore } from './batch-store.js';

const bodySchema = z.looseObject({
  input_file_id: z.string().min(1),
  endpoint: z.string(),
  completion_window: z.string(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
});

const secondsOfUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };
const longestWindow = 14 * 24 * 3600;

interface BatchRequest {
  readonly inputFile: string;
  readonly window: string;
  readonly windowSeconds: number;
  readonly metadata: Readonly<Record<string, string>> | null;
}

function parseBatchRequest(body: unknown): BatchRequest {
  const { input_file_id: inputFile, endpoint, completion_window: window, metadata } = parseRequest(bodySchema, body);
  if (endpoint !== batchEndpoint) throw badRequest(`endpoint: there is ${batchEndpoint}`, 'endpoint', 'invalid_value');
  const [, count = '', unit = ''] = /^(\d{1,7})([smh])$/.exec(window) ?? [];
  const windowSeconds = Number(count) * (secondsOfUnit[unit] ?? 0);
  if (windowSeconds < 1 || windowSeconds > longestWindow)
    throw badRequest('completion_window: write 24h, or another time such as 90s or 30m', 'completion_window');
  return { inputFile, window, windowSeconds, metadata: metadata ?? null };
}

export function batchRoutes(
  context: ServerContext,
  batches: BatchStore,
  runner: BatchRunner,
  files: FileStore,
): Route[] {
  const idOf = ({ parameters }: HttpExchange): string => parameters['batch'] ?? '';
  return [
    {
      method: 'POST',
      path: '/v1/batches',
      handle: async ({ request: incoming }) => {
        const request = parseBatchRequest(await readJsonBody(incoming, context.bodyLimits));
        const file = files.require(request.inputFile, 'input_file_id', 'batch');
        requireRoom(batches.list().filter(({ batch }) => !isOver(batch)).length, 'batches');
        const record = describeBatch(context, request);
        await batches.add(record, (inputFile) => files.copyTo(file, inputFile));
        runner.wake();
        return json(record.batch);
      },
    },
    {
      method: 'GET',
      path: '/v1/batches',
      handle: async ({ query }) => {
        const all = batches.list().map(({ batch }) => batch);
        return Promise.resolve(json(pageOf(all, query, { usual: 20, most: 100 })));
      },
    },
    {
      method: 'GET',
      path: '/v1/batches/:batch',
      handle: async (exchange) => Promise.resolve(json(batches.get(idOf(exchange)).batch)),
    },
    {
      method: 'POST',
      path: '/v1/batches/:batch/cancel',
      handle: async (exchange) => json((await runner.cancel(idOf(exchange))).batch),
    },
  ];
}

function describeBatch(context: ServerContext, request: BatchRequest): BatchRecord {
  const created = secondsOf(context);
  return {
    batch: {
      id: context.makeId('batch_'),
      object: 'batch',
      endpoint: batchEndpoint,
      errors: null,
      input_file_id: request.inputFile,
      completion_window: request.window,
      status: 'validating',
      output_file_id: null,
      error_file_id: null,
      created_at: created,
      in_progress_at: null,
      expires_at: created + request.windowSeconds,
      finalizing_at: null,
      completed_at: null,
      failed_at: null,
      expired_at: null,
      cancelling_at: null,
      cancelled_at: null,
      request_counts: { total: 0, completed: 0, failed: 0 },
      metadata: request.metadata,
    },
    outputFile: context.makeId('file-'),
    errorFile: context.makeId('file-'),
  };
}
