import { lstat, mkdir, readdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';

import { writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import type { HubReference } from './hub-reference.js';
import { readJsonObject } from './read-json-object.js';
import { parseShardIndex } from './shard-index.js';
import { shardIndexFileName, weightsFileName } from './weight-files.js';

/**
 * One repository in the standard Hugging Face cache: `models--owner--name/` with `blobs/` named by content,
 * `snapshots/<commit>/` of links to them, and `refs/<branch>` holding a commit.
 */
export interface RepositoryCache {
  readonly folder: string;
  blobPath(contentHash: string): string;
  snapshotFolder(commit: string): string;
}

export function repositoryCache(cacheFolder: string, repository: string): RepositoryCache {
  const folder = join(cacheFolder, `models--${repository.replace('/', '--')}`);
  return {
    folder,
    blobPath: (contentHash) => join(folder, 'blobs', contentHash),
    snapshotFolder: (commit) => join(folder, 'snapshots', commit),
  };
}

const commitPattern = /^[0-9a-f]{40}$/;

export function isCommit(revision: string): boolean {
  return commitPattern.test(revision);
}

/** The commit that a revision stood for when it was last looked up, if it ever was. */
export async function readCachedCommit(
  cache: RepositoryCache,
  { revision }: HubReference,
): Promise<string | undefined> {
  if (isCommit(revision)) return revision;
  const text = await readFile(join(cache.folder, 'refs', revision), 'utf8').catch(() => '');
  return isCommit(text.trim()) ? text.trim() : undefined;
}

/** Remembers what a branch or tag stands for; huggingface_hub looks there, too, when it is offline. */
export async function writeCachedCommit(
  cache: RepositoryCache,
  { revision }: HubReference,
  commit: string,
): Promise<void> {
  if (revision === commit || (await readCachedCommit(cache, { repository: '', revision })) === commit) return;
  const path = join(cache.folder, 'refs', revision);
  await makeFolder(dirname(path));
  await writeFileAtomically(path, commit);
}

/** Which of the files that a model cannot be read without a folder lacks; broken links count as lacking, and so do shards
 * whose index cannot be read: a later revision may be whole. */
export async function missingModelFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  const wanted = ['config.json'];
  if (!names.includes(weightsFileName) && names.includes(shardIndexFileName)) {
    wanted.push(...(await listShardNames(join(folder, shardIndexFileName)).catch(() => [weightsFileName])));
  } else {
    wanted.push(weightsFileName);
  }
  const present = await Promise.all(wanted.map((name) => exists(join(folder, name))));
  return wanted.filter((_, index) => !present[index]);
}

/** The files that a shard index in the cache names. */
export async function listShardNames(indexPath: string): Promise<string[]> {
  const index = await readJsonObject(indexPath, 'checkpoint-invalid');
  return [...new Set(parseShardIndex(index, indexPath).values())];
}

/** Whether there is a file, behind all links. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Makes a blob appear in a snapshot. Where links are not allowed (Windows), the blob itself moves there, as in huggingface_hub. */
export async function linkIntoSnapshot(blobPath: string, snapshotPath: string): Promise<void> {
  await makeFolder(dirname(snapshotPath));
  try {
    if (await lstat(snapshotPath).catch(() => undefined)) await rm(snapshotPath);
    await symlink(relative(dirname(snapshotPath), blobPath), snapshotPath);
  } catch (error) {
    if (await exists(snapshotPath)) return;
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) throw writeFailure(snapshotPath, error);
    await rename(blobPath, snapshotPath).catch((cause: unknown) => {
      throw writeFailure(snapshotPath, cause);
    });
  }
}

export async function makeFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw writeFailure(folder, error);
  });
}
