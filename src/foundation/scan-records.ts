import { isUtf8 } from 'node:buffer';

interface LineScannerSettings {
  /** Of each line without its end; `line` from 1. */
  readonly onLine: (text: string, line: number, bytes: Buffer) => void;
  /** The error for a line that is no text. */
  readonly fail: (fault: { readonly line: number; readonly problem: string; readonly hint: string }) => Error;
  /** Bytes that a line may have. */
  readonly longest: number;
}

const lineFeed = 0x0a;

/** Reads lines of UTF-8; a byte order mark before the first is skipped, and what follows the last line feed is a line if it is anything. */
export function createLineScanner({ onLine, fail, longest }: LineScannerSettings): RecordScanner {
  let line = 0;

  function readLine(bytes: Buffer): void {
    line += 1;
    if (!isUtf8(bytes)) throw fail({ line, problem: 'the text is not UTF-8', hint: 'Save the file as UTF-8.' });
    const text = bytes.toString('utf8');
    onLine(line === 1 ? text.replace(/^\ufeff/, '') : text, line, bytes);
  }

  return (bytes, isLast) => {
    let at = 0;
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, at)) {
      readLine(bytes.subarray(at, end));
      at = end + 1;
    }
    if (bytes.length - at > longest)
      throw fail({
        line: line + 1,
        problem: `the line is longer than ${String(longest / 2 ** 20)} MiB`,
        hint: 'Write one row a line.',
      });
    if (!isLast || at === bytes.length) return at;
    readLine(bytes.subarray(at));
    return bytes.length;
  };
}

/** Takes the whole records at the beginning of the bytes, and returns how many bytes they are; all of them where these are the last. */
export type RecordScanner = (bytes: Buffer, isLast: boolean) => number;

/** More than any record: an open quote would otherwise take in the rest of a file, however large. */
export const longestRecord = 2 ** 26;

/** Puts blocks together so that a scanner meets every record whole, and of a record's bytes never looks at many more than twice as many. */
export async function scanRecords(blocks: AsyncIterable<Buffer>, scan: RecordScanner): Promise<void> {
  let pieces: Buffer[] = [];
  let length = 0;
  // Of a record that is longer than a block, there is no use in looking before it has grown by half.
  let wanted = 0;
  for await (const block of blocks) {
    pieces.push(block);
    length += block.length;
    if (length < wanted) continue;
    const bytes = pieces.length === 1 ? block : Buffer.concat(pieces);
    const rest = bytes.subarray(scan(bytes, false));
    [pieces, length, wanted] = [[rest], rest.length, 2 * rest.length];
  }
  scan(Buffer.concat(pieces), true);
}
