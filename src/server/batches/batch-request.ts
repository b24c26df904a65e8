import { z } from 'zod';
import { badRequest } from '../http/protocol-error.js';
import { parseRequest } from '../http/read-body.js';
import { batchEndpoint } from './batch-record.js';

const bodySchema = z.looseObject({
  input_file_id: z.string().min(1),
  endpoint: z.string(),
  completion_window: z.string(),
  metadata: z.record(z.string().max(64), z.string().max(512)).nullish(),
});

const secondsOfUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };
const longestWindow = 14 * 24 * 3600;

export interface BatchRequest {
  readonly inputFile: string;
  readonly window: string;
  readonly windowSeconds: number;
  readonly metadata: Readonly<Record<string, string>> | null;
}

export function parseBatchRequest(body: unknown): BatchRequest {
  const { input_file_id: inputFile, endpoint, completion_window: window, metadata } = parseRequest(bodySchema, body);
  if (endpoint !== batchEndpoint) throw badRequest(`endpoint: there is ${batchEndpoint}`, 'endpoint', 'invalid_value');
  const [, count = '', unit = ''] = /^(\d{1,7})([smh])$/.exec(window) ?? [];
  const windowSeconds = Number(count) * (secondsOfUnit[unit] ?? 0);
  if (windowSeconds < 1 || windowSeconds > longestWindow)
    throw badRequest('completion_window: write 24h, or another time such as 90s or 30m', 'completion_window');
  return { inputFile, window, windowSeconds, metadata: metadata ?? null };
}
