/** Makes names that nobody can guess, with a prefix that says of what. */
export type IdSource = (prefix: string) => string;

const bytesOfId = 12;

/** Random bytes are drawn for many names at once, as most of what it takes is the call. */
const idsAtOnce = 256;

export function createIdSource(randomBytes: (count: number) => Uint8Array): IdSource {
  let bytes = Buffer.alloc(0);
  let used = 0;
  return (prefix) => {
    if (used === bytes.length) {
      bytes = Buffer.from(randomBytes(bytesOfId * idsAtOnce));
      used = 0;
    }
    used += bytesOfId;
    return `${prefix}${bytes.toString('hex', used - bytesOfId, used)}`;
  };
}
