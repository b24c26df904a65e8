import { requireFields, requireFunction, requireObject, requireText } from '../../foundation/require-arguments.js';
import { join } from 'node:path';

import { DriftlineError } from '../../foundation/driftline-error.js';
import { downloadBlob, type Wait } from './download-blob.js';
import {
  exists,
  isCommit,
  linkIntoSnapshot,
  listShardNames,
  missingModelFiles,
  readCachedCommit,
  repositoryCache,
  writeCachedCommit,
  type RepositoryCache,
} from './hub-cache.js';
import {
  fetchCommit,
  fetchContent,
  fetchFileList,
  type Fetch,
  type HubConnection,
  type HubFile,
} from './hub-client.js';
import { isHubReference, parseHubReference, type HubReference } from './hub-reference.js';
import { readHubSettings, type Environment, type HubSettings } from './hub-settings.js';
import { shardIndexFileName, weightsFileName, weightsMissing } from './weight-files.js';

export interface DownloadProgress {
  /** The file that is being downloaded. */
  readonly file: string;
  readonly receivedBytes: number;
  readonly totalBytes: number;
}

export interface ResolveModelOptions {
  /** Environment variables: HF_HOME, HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE and the like. */
  readonly environment: Environment;
  readonly fetch: Fetch;
  /** A branch, tag or commit; wins over one in the reference. Default main. */
  readonly revision?: string;
  /** Whether weights are wanted, too. Without them the folder has what a tokenizer and a template need. Default true. */
  readonly weights?: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Called with notices for the user that need no action. */
  readonly onNotice?: (notice: string) => void;
  /** The pause between attempts. */
  readonly wait?: Wait;
}

const smallFiles = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
];

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
  const cached = await findCachedFolder(cache, hubReference, options.weights ?? true);

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

async function findCachedFolder(
  cache: RepositoryCache,
  reference: HubReference,
  weights: boolean,
): Promise<CachedFolder> {
  const commit = await readCachedCommit(cache, reference);
  const folder = cache.snapshotFolder(commit ?? 'none');
  const missing = await missingModelFiles(folder);
  return {
    folder,
    missing: weights ? missing : missing.filter((name) => name === 'config.json'),
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
  const connection: HubConnection = { settings, fetch: options.fetch, signal: options.signal };
  const commit = isCommit(reference.revision) ? reference.revision : await fetchCommit(connection, reference);
  const listed = await fetchFileList(connection, reference, commit);
  const folder = cache.snapshotFolder(commit);
  if (!listed.has('config.json')) {
    throw new DriftlineError({
      code: 'checkpoint-missing',
      message: `${reference.repository} at ${reference.revision} is no model: it has no config.json`,
      hint: 'Choose a repository that holds a whole model; an adapter must be given beside its base.',
      details: { repository: reference.repository, commit },
    });
  }

  const getAll = async (files: readonly HubFile[]): Promise<void> => {
    const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
    let finishedBytes = 0;
    for (const file of files) {
      await getFile(file, (bytes) => {
        options.onProgress?.({ file: file.name, receivedBytes: finishedBytes + bytes, totalBytes });
      });
      finishedBytes += file.bytes;
    }
  };
  const getFile = async (file: HubFile, onProgress: (bytes: number) => void): Promise<void> => {
    const snapshotPath = join(folder, file.name);
    if (await exists(snapshotPath)) {
      onProgress(file.bytes);
      return;
    }
    const blobPath = cache.blobPath(file.contentHash);
    if (!(await exists(blobPath))) {
      await downloadBlob({
        file,
        blobPath,
        requestContent: (start) => fetchContent(connection, reference, commit, file, start),
        endpoint: settings.endpoint,
        signal: options.signal,
        onProgress,
        wait: options.wait,
      });
    }
    await linkIntoSnapshot(blobPath, snapshotPath);
  };

  // Small files first: they show whether access is granted and which shards there are before the long downloads begin.
  const known = (name: string): HubFile[] => [listed.get(name) ?? []].flat();
  if (options.weights === false) {
    await getAll(smallFiles.flatMap(known));
    await writeCachedCommit(cache, reference, commit);
    return folder;
  }
  const isSharded = !listed.has(weightsFileName);
  await getAll([...smallFiles, ...(isSharded ? [shardIndexFileName] : [])].flatMap(known));
  await getAll(isSharded ? await listShards(folder, reference, listed) : known(weightsFileName));
  await writeCachedCommit(cache, reference, commit);
  return folder;
}

async function listShards(
  folder: string,
  { repository }: HubReference,
  listed: ReadonlyMap<string, HubFile>,
): Promise<HubFile[]> {
  if (!listed.has(shardIndexFileName)) throw weightsMissing(repository, [...listed.keys()]);
  const names = await listShardNames(join(folder, shardIndexFileName));
  return names.map((name) => {
    const file = listed.get(name);
    if (file) return file;
    throw new DriftlineError({
      code: 'checkpoint-invalid',
      message: `${repository}: ${shardIndexFileName} names ${name}, which the repository does not have`,
      hint: 'Choose another revision, or tell the owner of the repository.',
      details: { repository, file: name },
    });
  });
}
