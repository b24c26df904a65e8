import type { FileStore } from '../files/file-store.js';
import { json, type Exchange, type Route } from '../http/exchange.js';
import { pageOf } from '../http/page-of.js';
import { requireRoom } from '../http/require-room.js';
import { readJsonBody } from '../http/read-body.js';
import { secondsOf, type ServerContext } from '../server-context.js';
import { batchEndpoint, isOver, type BatchRecord } from './batch-record.js';
import { parseBatchRequest, type BatchRequest } from './batch-request.js';
import type { BatchRunner } from './batch-runner.js';
import type { BatchStore } from './batch-store.js';

export function batchRoutes(
  context: ServerContext,
  batches: BatchStore,
  runner: BatchRunner,
  files: FileStore,
): Route[] {
  const idOf = ({ parameters }: Exchange): string => parameters['batch'] ?? '';
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
