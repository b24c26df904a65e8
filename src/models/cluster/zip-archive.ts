import { unzipSync, zipSync, type Zippable } from 'fflate';
import { DriftlineError } from '../../foundation/driftline-error.js';

/** Files of an archive, by names with forward slashes. */
export type ArchiveFiles = ReadonlyMap<string, Uint8Array>;

/** More than any archive of ours holds: a stranger's must not fill the memory. */
const mostFiles = 10_000;
const mostBytes = 8 * 2 ** 30;

/** The earliest date that the format knows, in local time, which the format has: so equal files make equal bytes everywhere. */
const noDate = new Date(1980, 0, 1);

/** Packs files, in the order of their names. Equal files make equal bytes. */
export function createZip(files: ArchiveFiles): Uint8Array {
  const entries: Zippable = {};
  for (const [name, bytes] of [...files].sort(([left], [right]) => (left < right ? -1 : 1))) {
    if (!isSafeName(name)) throw refuse(name, 'its name leads out of the archive');
    entries[name] = [bytes, { level: /\.(gz|safetensors|zip)$/.test(name) ? 0 : 6, mtime: noDate }];
  }
  return zipSync(entries);
}

/**
 * Unpacks an archive that may be a stranger's: names that lead out of it, names that come twice, and more than `most`
 * bytes are refused. A file that is larger than it says is cut off there, which its hash shows: that is for the caller
 * to check.
 */
export function readZip(bytes: Uint8Array, source: string, most = mostBytes): Map<string, Uint8Array> {
  const sizes = new Map<string, number>();
  let whole = 0;
  let unpacked: ReturnType<typeof unzipSync>;
  try {
    unpacked = unzipSync(bytes, {
      filter: ({ name, originalSize }) => {
        if (!isSafeName(name)) throw refuse(source, `it holds ${JSON.stringify(name)}, which leads out of it`);
        if (sizes.has(name)) throw refuse(source, `it holds ${JSON.stringify(name)} twice`);
        whole += originalSize;
        sizes.set(name, originalSize);
        if (whole > most || sizes.size > mostFiles) throw refuse(source, `it holds more than ${String(most)} bytes`);
        return !name.endsWith('/');
      },
    });
  } catch (cause) {
    if (DriftlineError.isInstance(cause)) throw cause;
    throw refuse(source, cause instanceof Error ? cause.message : String(cause), cause);
  }
  return new Map(Object.entries(unpacked));
}

function isSafeName(name: string): boolean {
  if (name === '' || name.startsWith('/') || /[\\\0:]/.test(name)) return false;
  return name
    .split('/')
    .every((part, index, parts) => part !== '..' && part !== '.' && (part !== '' || index === parts.length - 1));
}

function refuse(source: string, problem: string, cause?: unknown): DriftlineError {
  return new DriftlineError({
    code: 'cluster-answers-damaged',
    message: `${source} is no archive that can be unpacked: ${problem}`,
    hint: 'Run the same command again; if it comes again, remove that file in the storage of the cluster.',
    ...(cause === undefined ? {} : { cause }),
    details: { source },
  });
}
