import type { Clock } from '../../foundation/clock.js';
import { CallTimedOut } from '../traffic/read-answer.js';

export interface ResponseLine {
  /** From 1. */
  readonly line: number;
  readonly bytes: Buffer;
}

const newline = 0x0a;
/** Milliseconds without a byte after which a download is given up. */
const longestSilence = 600_000;

/** The lines of a body as they come, however long it is; what follows the last line feed is a line, too. */
export async function* readResponseLines(
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
