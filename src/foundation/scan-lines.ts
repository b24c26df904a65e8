import { isUtf8 } from 'node:buffer';
import type { RecordScanner } from './scan-records.js';

export interface LineScannerSettings {
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
