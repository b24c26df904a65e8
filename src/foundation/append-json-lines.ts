import { open, type FileHandle } from 'node:fs/promises';
import { parseUnfinishedLine } from './read-json-lines.js';
import { writeFailure } from './file-failure.js';

const newline = 0x0a;
const tailBlock = 65536;

/** An open JSON Lines file that only grows. */
export interface JsonLinesWriter {
  /** Appends one line a value and returns when they have reached the disk. Calls may overlap; lines never do. */
  append(...values: readonly object[]): Promise<void>;
  /** The same for lines that are written already, each with its line feed. */
  appendLines(lines: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file for appending, and makes it if need be. A half-written last line, left by a killed writer, is removed first. */
export async function openJsonLinesWriter(path: string): Promise<JsonLinesWriter> {
  let handle: FileHandle;
  let length: number;
  try {
    handle = await open(path, 'a+');
  } catch (cause) {
    throw writeFailure(path, cause);
  }
  try {
    length = await mendLastLine(handle);
  } catch (cause) {
    await handle.close();
    throw writeFailure(path, cause);
  }

  async function appendNow(bytes: Uint8Array): Promise<void> {
    try {
      await handle.appendFile(bytes);
      await handle.datasync();
      length += bytes.length;
    } catch (cause) {
      // A line that went half to disk would break the next one. Where even truncating fails, reading tolerates the half line.
      await handle.truncate(length).catch(() => undefined);
      throw writeFailure(path, cause);
    }
  }

  let lastAppend: Promise<void> = Promise.resolve();
  function appendLines(bytes: Uint8Array): Promise<void> {
    const appended = lastAppend.then(() => appendNow(bytes));
    // A failure reaches whoever awaits `appended`; the next append is tried all the same.
    lastAppend = appended.catch(() => undefined);
    return appended;
  }
  return {
    append: (...values) => appendLines(Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''))),
    appendLines,
    async close() {
      await lastAppend;
      await handle.close();
    },
  };
}

/** Makes the file end at the end of a line and returns its length in bytes. */
async function mendLastLine(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat();
  const lineStart = await findLastLineStart(handle, size);
  if (lineStart === size) return size;
  const lastLine = Buffer.alloc(size - lineStart);
  await handle.read(lastLine, 0, lastLine.length, lineStart);
  // Whether a byte order mark is allowed, which only the first line may have, is all that the line's number is for.
  if (parseUnfinishedLine(lastLine, lineStart === 0 ? 1 : 2).kind === 'value') {
    await handle.appendFile('\n');
    return size + 1;
  }
  await handle.truncate(lineStart);
  return lineStart;
}

/** The offset behind the last line feed: the file's size if it ends with one. */
async function findLastLineStart(handle: FileHandle, size: number): Promise<number> {
  const block = Buffer.alloc(Math.min(tailBlock, size));
  for (let end = size; end > 0;) {
    const start = Math.max(0, end - block.length);
    await handle.read(block, 0, end - start, start);
    const found = block.subarray(0, end - start).lastIndexOf(newline);
    if (found !== -1) return start + found + 1;
    end = start;
  }
  return 0;
}
