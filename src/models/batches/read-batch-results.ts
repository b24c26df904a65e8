import { waitFor, type Clock } from '../../foundation/clock.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { parseLine } from '../../foundation/read-json-lines.js';
import type { BatchService } from './batch-service.js';
import { readBatchLine, type BatchReply } from './read-batch-line.js';
import { readResponseLines } from './read-response-lines.js';

export interface ReadBatchResultsOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onNotice: (notice: string) => void;
}

/** Downloads of one file, where its end is missing. */
const attempts = 4;

/**
 * What came of the requests of a batch, by a file of its results, each request once; nothing where the file is gone. A download that breaks off, or
 * is no JSON Lines, is begun again, and never taken for all that there is.
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
