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
