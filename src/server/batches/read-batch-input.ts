import { z } from 'zod';
import { explainFault } from '../../foundation/explain-issue.js';
import { readByteLines } from '../../foundation/read-byte-lines.js';
import { parseLine } from '../../foundation/read-json-lines.js';
import { batchEndpoint } from './batch-record.js';

const lineSchema = z.looseObject({
  custom_id: z.string().min(1).max(512),
  method: z.literal('POST'),
  url: z.literal(batchEndpoint),
  body: z.record(z.string(), z.unknown()),
});

export interface BatchLine {
  /** From 1. */
  readonly line: number;
  readonly customId: string;
  readonly body: unknown;
}

export interface BatchFault {
  readonly line: number;
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
}

/** The requests of an input file, and what is no request, one by one. */
export async function* readBatchInput(
  path: string,
): AsyncGenerator<{ readonly request: BatchLine } | { readonly fault: BatchFault }, void, undefined> {
  const seen = new Set<string>();
  for await (const { line, bytes } of readByteLines(path)) {
    const content = parseLine(bytes, line);
    if (content.kind === 'empty') continue;
    if (content.kind === 'broken') {
      yield { fault: { line, code: 'invalid_json_line', message: 'This line is not JSON', param: null } };
      continue;
    }
    const parsed = lineSchema.safeParse(content.value);
    if (!parsed.success) {
      const { path: place, problem } = explainFault(parsed.error, lineSchema);
      const param = place.map(String).join('.');
      yield { fault: { line, code: 'invalid_request', message: `${param}: ${problem}`, param } };
      continue;
    }
    const { custom_id: customId, body } = parsed.data;
    if (seen.has(customId)) {
      const message = `custom_id: ${JSON.stringify(customId)} stands on an earlier line, too`;
      yield { fault: { line, code: 'duplicate_custom_id', message, param: 'custom_id' } };
      continue;
    }
    seen.add(customId);
    yield { request: { line, customId, body } };
  }
}
