import { APIError } from 'openai';
import { z } from 'zod';
import { type Clock, waitFor } from '../../../foundation/clock.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { parseLine } from '../../../foundation/read-json-lines.js';
import { hasChoices } from '../client/hosted-connection.js';
import { classifyFailure, CallTimedOut } from '../traffic/hosted-traffic.js';
import type { BatchService } from './batch-service.js';

interface ResponseLine {
  /** From 1. */
  readonly line: number;
  readonly bytes: Buffer;
}

const newline = 0x0a;
/** Milliseconds without a byte after which a download is given up. */
const longestSilence = 600_000;

/** The lines of a body as they come, however long it is; what follows the last line feed is a line, too. */
async function* readResponseLines(
  { body }: Response,
  clock: Clock,
  signal: AbortSignal,
): AsyncGenerator<ResponseLine, void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  let line = 0;
  let pieces: Buffer[] = [];
  try {
    for (;;) {
      const { value } = await readInTime(reader, clock, signal);
      if (value === undefined) break;
      const chunk = Buffer.from(value);
      let start = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, start)) {
        line += 1;
        yield { line, bytes: Buffer.concat([...pieces, chunk.subarray(start, end)]) };
        pieces = [];
        start = end + 1;
      }
      if (start < chunk.length) pieces.push(chunk.subarray(start));
    }
    if (pieces.length > 0) yield { line: line + 1, bytes: Buffer.concat(pieces) };
  } finally {
    // Also of a body that has failed: why, whoever reads it knows.
    await reader.cancel().catch(() => undefined);
  }
}

async function readInTime(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ readonly value?: Uint8Array | undefined }> {
  signal.throwIfAborted();
  let finish = (): void => undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    const cancel = clock.after(longestSilence, () => {
      reject(new CallTimedOut(longestSilence));
    });
    const stop = (): void => {
      reject(signal.reason as Error); // whatever it is, it is what reading was stopped with
    };
    signal.addEventListener('abort', stop, { once: true });
    finish = () => {
      cancel();
      signal.removeEventListener('abort', stop);
    };
  });
  try {
    return await Promise.race([reader.read(), ended]);
  } finally {
    finish();
  }
}

/** What came of a request of a batch: `lost` may be asked for again, `failure` would fail again. */
export type BatchReply =
  | { readonly id: string; readonly completion: unknown }
  | { readonly id: string; readonly failure: unknown }
  | { readonly id: string; readonly lost: string };

const lineSchema = z.object({
  custom_id: z.string(),
  response: z.object({ status_code: z.int().nullish(), body: z.unknown() }).nullish(),
  error: z.object({ code: z.string().nullish(), message: z.string().nullish() }).nullish(),
});

/** A line of a file of results or of errors; null where it is none. */
function readBatchLine(value: unknown): BatchReply | null {
  const parsed = lineSchema.safeParse(value);
  if (!parsed.success) return null;
  const { custom_id: id, response, error } = parsed.data;
  // What was not done for its time, or since the batch was cancelled, has no response.
  if (response === null || response === undefined) return { id, lost: error?.message ?? error?.code ?? 'no response' };
  const { status_code: status, body } = response;
  if (status === null || status === undefined || status === 200)
    return hasChoices(body) ? { id, completion: body } : { id, lost: 'the answer is no chat completion' };
  const failure = APIError.generate(status, asError(body), undefined, new Headers());
  return classifyFailure(failure) === 'final' ? { id, failure } : { id, lost: failure.message };
}

function asError(body: unknown): object {
  return typeof body === 'object' && body !== null ? body : { error: { message: String(body) } };
}

interface ReadBatchResultsOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onNotice: (notice: string) => void;
}

/** Downloads of one file, where its end is missing. */
const attempts = 4;

/**
 * What came of the requests of a batch, by a file of its results, each request once; nothing where the file is gone. A
 * download that breaks off, or is no JSON Lines, is begun again, and never taken for all that there is.
 * @param least Requests that the service says are in it.
 */
export async function* readBatchResults(
  service: BatchService,
  file: string,
  least: number,
  { clock, signal, onNotice }: ReadBatchResultsOptions,
): AsyncGenerator<BatchReply, void, undefined> {
  const seen = new Set<string>();
  for (let attempt = 1; ; attempt += 1) {
    const response = await service.download(file, signal);
    if (response === null) {
      onNotice(`${service.host} does not have ${file} any more: what was in it is asked for again`);
      return;
    }
    const here = new Set<string>();
    let twice = 0;
    let problem: string | null = null;
    try {
      for await (const { line, bytes } of readResponseLines(response, clock, signal)) {
        const parsed = parseLine(bytes, line);
        if (parsed.kind === 'empty') continue;
        const reply = parsed.kind === 'value' ? readBatchLine(parsed.value) : null;
        if (reply === null) {
          problem = `line ${String(line)} is no result`;
          break;
        }
        const { id } = reply;
        if (here.has(id)) twice += 1;
        else here.add(id);
        if (seen.has(id)) continue;
        seen.add(id);
        yield reply;
      }
    } catch (cause) {
      if (signal.aborted) throw cause;
      problem = cause instanceof Error ? cause.message : String(cause);
    }
    const isShort = problem === null && here.size < least;
    if (problem === null && (!isShort || attempt === attempts)) {
      if (isShort)
        onNotice(
          `${file} of ${service.host} has ${String(here.size)} results of ${String(least)}: the rest is asked for again`,
        );
      if (twice > 0) onNotice(`${file} of ${service.host} has ${String(twice)} results twice; the first counts`);
      return;
    }
    if (attempt === attempts) throw unreadable(service.host, file, problem ?? '');
    await waitFor(clock, 500 * 2 ** attempt, signal);
  }
}

function unreadable(host: string, file: string, problem: string): DriftlineError {
  return new DriftlineError({
    code: 'provider-unavailable',
    message: `${file} of ${host} could not be read to its end: ${problem}`,
    hint: 'Run the same command again: the batch is found again, and is not paid for twice.',
    details: { host, file },
  });
}
