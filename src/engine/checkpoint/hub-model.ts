import { requireFields, requireFunction, requireObject, requireText } from '../../foundation/require-arguments.js';
import { join } from 'node:path';

import { DriftlineError } from '../../foundation/driftline-error.js';
import {
  exists,
  isCommit,
  missingModelFiles,
  readCachedCommit,
  repositoryCache,
  writeCachedCommit,
  type RepositoryCache,
} from './hub-cache.js';
import { startDownload, type ResolveModelOptions } from './hub-download.js';
import { isHubReference, parseHubReference, type HubReference } from './hub-reference.js';
import { readHubSettings, type HubSettings } from './hub-settings.js';

/**
 * The folder of a model: a path as it is, or `hf:owner/name[@revision]` from the standard Hugging Face cache,
 * downloaded if the cache lacks it. Only the files that the engine reads are downloaded.
 */
export async function resolveModelFolder(reference: string, options: ResolveModelOptions): Promise<string> {
  requireText(reference, 'reference');
  requireFields(options, 'options', { environment: requireObject, fetch: requireFunction });
  if (!isHubReference(reference)) return checkLocalFolder(reference);
  const hubReference = parseHubReference(reference, options.revision);
  const settings = await readHubSettings(options.environment);
  const cache = repositoryCache(settings.cacheFolder, hubReference.repository);
  const cached = await findCachedFolder(cache, hubReference);

  if (settings.isOffline) {
    if (cached.missing.length === 0) return cached.folder;
    throw notCached(hubReference, settings, cached.missing);
  }
  // A commit never changes, so a complete copy needs no look-up.
  if (isCommit(hubReference.revision) && cached.missing.length === 0 && cached.hasTokenizer) return cached.folder;
  try {
    return await download(hubReference, settings, cache, options);
  } catch (error) {
    if (!DriftlineError.isInstance(error) || error.code !== 'hub-unavailable' || cached.missing.length > 0) throw error;
    options.onNotice?.(`${error.message}; using the copy of ${hubReference.repository} in the cache`);
    return cached.folder;
  }
}

async function checkLocalFolder(folder: string): Promise<string> {
  if (await exists(join(folder, 'config.json'))) return folder;
  const isFolder = await exists(folder);
  if (!isFolder && /^\w{2,}:/.test(folder)) {
    throw new DriftlineError({
      code: 'checkpoint-missing',
      message: `driftline/engine knows no model called ${folder}`,
      hint: "The engine opens folders and hf:owner/name. For names such as organism:1 and openai:NAME, as the command line takes them, call openModelSampler of driftline: import { openModelSampler } from 'driftline' (docs/api.md).",
      details: { folder },
    });
  }
  throw new DriftlineError({
    code: 'checkpoint-missing',
    message: isFolder ? `${folder} is no model folder: it has no config.json` : `there is no model folder ${folder}`,
    hint: 'Give a folder with config.json, safetensors weights and tokenizer.json, or hf:owner/name for a model of the hub.',
    details: { folder },
  });
}

interface CachedFolder {
  readonly folder: string;
  readonly missing: readonly string[];
  readonly hasTokenizer: boolean;
}

async function findCachedFolder(cache: RepositoryCache, reference: HubReference): Promise<CachedFolder> {
  const commit = await readCachedCommit(cache, reference);
  const folder = cache.snapshotFolder(commit ?? 'none');
  return {
    folder,
    missing: await missingModelFiles(folder),
    hasTokenizer: await exists(join(folder, 'tokenizer.json')),
  };
}

function notCached({ repository, revision }: HubReference, settings: HubSettings, missing: readonly string[]) {
  return new DriftlineError({
    code: 'hub-offline',
    message: `offline mode is set, and ${settings.cacheFolder} lacks ${missing.join(', ')} of ${repository} at ${revision}`,
    hint: 'Run once without HF_HUB_OFFLINE and TRANSFORMERS_OFFLINE to download the model, or check HF_HOME.',
    details: { repository, revision, missing },
  });
}

async function download(
  reference: HubReference,
  settings: HubSettings,
  cache: RepositoryCache,
  options: ResolveModelOptions,
): Promise<string> {
  const { commit, folder, weights, get } = await startDownload(reference, settings, cache, options);
  await get(weights);
  await writeCachedCommit(cache, reference, commit);
  return folder;
}
