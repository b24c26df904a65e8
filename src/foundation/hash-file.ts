import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** SHA-256 in hexadecimal of a file, of any size. */
export async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  // Buffers, as no encoding is set.
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest('hex');
}
