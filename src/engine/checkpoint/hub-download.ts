import { join } from 'node:path';

import { DriftlineError } from '../../foundation/driftline-error.js';
import { downloadBlob, type Wait } from './download-blob.js';
import { exists, isCommit, linkIntoSnapshot, listShardNames, type RepositoryCache } from './hub-cache.js';
import {
  fetchCommit,
  fetchContent,
  fetchFileList,
  type Fetch,
  type HubConnection,
  type HubFile,
} from './hub-client.js';
import type { HubReference } from './hub-reference.js';
import type { Environment, HubSettings } from './hub-settings.js';
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
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Called with notices for the user that need no action. */
  readonly onNotice?: (notice: string) => void;
  /** The pause between attempts. */
  readonly wait?: Wait;
}

/** The files of a model that are no weights, as far as the engine reads them. */
export const smallFiles = [
  'config.json',
  'generation_config.json',
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
];

/** A model of the hub whose small files have come. */
export interface StartedDownload {
  readonly commit: string;
  /** Of the snapshot, which has its small files. */
  readonly folder: string;
  readonly weights: readonly HubFile[];
  /** Brings such files into the snapshot. */
  readonly get: (files: readonly HubFile[]) => Promise<void>;
}

/** Looks the model up, and downloads what is no weights: that shows whether access is granted before the long downloads begin. */
export async function startDownload(
  reference: HubReference,
  settings: HubSettings,
  cache: RepositoryCache,
  options: ResolveModelOptions,
): Promise<StartedDownload> {
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

  const known = (name: string): HubFile[] => [listed.get(name) ?? []].flat();
  const isSharded = !listed.has(weightsFileName);
  await getAll([...smallFiles, ...(isSharded ? [shardIndexFileName] : [])].flatMap(known));
  const weights = isSharded ? await listShards(folder, reference, listed) : known(weightsFileName);
  return { commit, folder, weights, get: getAll };
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
