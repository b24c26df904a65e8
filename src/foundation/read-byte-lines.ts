import { createReadStream } from 'node:fs';
import { readFailure } from './file-failure.js';

const newline = 0x0a;

interface ByteLine {
  /** From 1, as editors count. */
  readonly line: number;
  /** Without the line feed. */
  readonly bytes: Buffer;
  /** Whether a line feed ends it: false only for the last line, which may then be empty. */
  readonly isEnded: boolean;
}

/**
 * The lines of a file as they stand, from a byte at which one begins, a block of the file at a time; what follows the
 * last line feed is a line, too.
 */
export async function* readByteLines(path: string, start = 0): AsyncGenerator<ByteLine, void, undefined> {
  let line = 0;
  let pieces: Buffer[] = [];
  // createReadStream yields buffers as long as no encoding is set; its type does not say so.
  const chunks = createReadStream(path, { start }) as AsyncIterable<Buffer>;
  try {
    for await (const chunk of chunks) {
      let begun = 0;
      for (let end = chunk.indexOf(newline); end !== -1; end = chunk.indexOf(newline, begun)) {
        line += 1;
        const bytes = Buffer.concat([...pieces, chunk.subarray(begun, end)]);
        pieces = [];
        begun = end + 1;
        yield { line, bytes, isEnded: true };
      }
      if (begun < chunk.length) pieces.push(chunk.subarray(begun));
    }
  } catch (cause) {
    throw readFailure(path, cause);
  }
  yield { line: line + 1, bytes: Buffer.concat(pieces), isEnded: false };
}
