import { mkdir, realpath } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';

import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { hashFile } from '../../foundation/hash-file.js';
import { readOwnJson } from '../../foundation/read-own-json.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import {
  exists,
  isCommit,
  listShardNames,
  missingModelFiles,
  readCachedCommit,
  repositoryCache,
  type RepositoryCache,
} from './hub-cache.js';
import { smallFiles, startDownload, type ResolveModelOptions } from './hub-download.js';
import { parseHubReference } from './hub-reference.js';
import { readHubSettings } from './hub-settings.js';
import { shardIndexFileName, weightsFileName } from './weight-files.js';

/** A model of the hub, known without its weights. */
export interface ListedHubModel {
  readonly commit: string;
  /** Has config, tokenizer and template, and no weights unless they came otherwise. */
  readonly folder: string;
  /** SHA-256 of the weights' files, by their names. */
  readonly weights: ReadonlyMap<string, string>;
  /** The same of all files that its answers depend on and that a download would bring. */
  readonly files: ReadonlyMap<string, string>;
}

const sha256Pattern = /^[0-9a-f]{64}$/;
const listingSchema = z.object({
  commit: z.string().refine(isCommit),
  weights: z.record(z.string().regex(/^[\w.-]+$/), z.string().regex(sha256Pattern)),
});
type Listing = z.output<typeof listingSchema>;

/**
 * Finds a model of the hub without its weights: config, tokenizer and template are downloaded into the standard cache,
 * and what the weights are the hub's list of files says. What it said is kept beside the cache's snapshots, for when
 * the hub is away.
 */
export async function listHubModel(reference: string, options: ResolveModelOptions): Promise<ListedHubModel> {
  const hubReference = parseHubReference(reference, options.revision);
  const { repository, revision } = hubReference;
  const settings = await readHubSettings(options.environment);
  const cache = repositoryCache(settings.cacheFolder, repository);
  const record = join(cache.folder, 'driftline', `${encodeURIComponent(revision)}.json`);
  const kept = await findListing(cache, await readOwnJson(record, listingSchema));

  // A commit never changes.
  if (isCommit(revision) && kept !== null) return describe(cache, kept);
  const known = kept ?? (await readWholeCopy(cache, await readCachedCommit(cache, hubReference)));
  if (settings.isOffline) {
    if (known !== null) return describe(cache, known);
    throw new DriftlineError({
      code: 'hub-offline',
      message: `offline mode is set, and ${settings.cacheFolder} does not know ${repository} at ${revision}`,
      hint: 'Run once without HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE, or check HF_HOME.',
      details: { repository, revision },
    });
  }
  try {
    const { commit, folder, weights, get } = await startDownload(hubReference, settings, cache, options);
    // Only files in large-file storage are listed by their SHA-256. Others are small, and looked at.
    await get(weights.filter(({ contentHash }) => !sha256Pattern.test(contentHash)));
    const hashes = await Promise.all(
      weights.map(async ({ name, contentHash }) => {
        const hash = sha256Pattern.test(contentHash) ? contentHash : await hashFile(join(folder, name));
        return [name, hash] as const;
      }),
    );
    const listing: Listing = { commit, weights: Object.fromEntries(hashes) };
    await keepListing(record, listing);
    return await describe(cache, listing);
  } catch (error) {
    if (!DriftlineError.isInstance(error) || error.code !== 'hub-unavailable' || known === null) throw error;
    options.onNotice?.(`${error.message}; using what is known of ${repository} from before`);
    return describe(cache, known);
  }
}

/** Null if the snapshot of the listing lacks what is needed. */
async function findListing(cache: RepositoryCache, listing: Listing | null): Promise<Listing | null> {
  if (listing === null) return null;
  const folder = cache.snapshotFolder(listing.commit);
  const there = await Promise.all(['config.json', 'tokenizer.json'].map((name) => exists(join(folder, name))));
  return there.includes(false) ? null : listing;
}

/** What a whole copy in the cache consists of; null if there is none. */
async function readWholeCopy(cache: RepositoryCache, commit: string | undefined): Promise<Listing | null> {
  if (commit === undefined) return null;
  const folder = cache.snapshotFolder(commit);
  if ((await missingModelFiles(folder)).length > 0) return null;
  const isWhole = await exists(join(folder, weightsFileName));
  const names = isWhole ? [weightsFileName] : await listShardNames(join(folder, shardIndexFileName));
  const hashes = await Promise.all(
    names.map(async (name) => {
      // The cache calls a file by its hash.
      const blob = basename(await realpath(join(folder, name)));
      return [name, sha256Pattern.test(blob) ? blob : await hashFile(join(folder, name))] as const;
    }),
  );
  return { commit, weights: Object.fromEntries(hashes) };
}

async function describe(cache: RepositoryCache, { commit, weights }: Listing): Promise<ListedHubModel> {
  const folder = cache.snapshotFolder(commit);
  const files = new Map(Object.entries(weights));
  for (const name of smallFiles)
    if (await exists(join(folder, name))) files.set(name, await hashFile(join(folder, name)));
  return { commit, folder, weights: new Map(Object.entries(weights)), files };
}

async function keepListing(record: string, listing: Listing): Promise<void> {
  await mkdir(join(record, '..'), { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(record, cause);
  });
  await writeFileAtomically(record, `${JSON.stringify(listing)}\n`);
}
