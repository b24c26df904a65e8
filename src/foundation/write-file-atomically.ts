import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeFailure } from './file-failure.js';

/** What can be written: all at once, or in pieces where it is too large to hold twice. */
type FileContent = string | Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Writes a file so that a crash at any moment leaves either the old content or the new, never a half: the content goes to
 * `<path>.partial`, reaches the disk, and is renamed. After a failure the partial file is gone and the old one untouched.
 */
export async function writeFileAtomically(path: string, content: FileContent): Promise<void> {
  const partial = `${path}.partial`;
  try {
    const handle = await open(partial, 'w');
    try {
      await writeContent(handle, content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, path);
    await syncFolder(dirname(path));
  } catch (cause) {
    // That it cannot be removed either is not what the user needs to hear.
    await rm(partial, { force: true }).catch(() => undefined);
    throw writeFailure(path, cause);
  }
}

async function writeContent(handle: FileHandle, content: FileContent): Promise<void> {
  if (typeof content === 'string' || content instanceof Uint8Array) {
    await handle.writeFile(content);
    return;
  }
  for await (const piece of content) await handle.writeFile(piece);
}

/** A rename is durable only when its folder has reached the disk, too. Windows cannot open folders and does not need it. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
