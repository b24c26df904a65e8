import { requireObject, requireText } from '../foundation/require-arguments.js';
import { readCheckpoint, type Checkpoint } from './checkpoint/read-checkpoint.js';
import type { DownloadProgress } from './checkpoint/hub-download.js';
import { resolveModelFolder } from './checkpoint/hub-model.js';
import { isHubReference, parseHubReference } from './checkpoint/hub-reference.js';
import { readTokenizer } from './tokenizer/read-tokenizer.js';
import { checkTokenizerFits, type TextTokenizer } from './tokenizer/text-tokenizer.js';

export interface OpenModelOptions {
  /** Environment variables: HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE and the like. Default process.env. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly fetch?: typeof globalThis.fetch;
  readonly signal?: AbortSignal;
  /** Called while files are downloaded. */
  readonly onDownload?: (progress: DownloadProgress) => void;
  /** Called with notices for the user that need no action. */
  readonly onNotice?: (notice: string) => void;
}

/** A model in memory with its tokenizer. */
export interface OpenedModel {
  readonly folder: string;
  readonly checkpoint: Checkpoint;
  readonly tokenizer: TextTokenizer;
}

/** Opens a model folder, or `hf:owner/name[@revision]` through the Hugging Face cache. */
export async function openModel(reference: string, options: OpenModelOptions = {}): Promise<OpenedModel> {
  requireText(reference, 'reference');
  requireObject(options, 'options');
  const { environment = process.env, fetch = globalThis.fetch, signal, onDownload, onNotice } = options;
  const folder = await resolveModelFolder(reference, {
    environment,
    fetch,
    ...(signal === undefined ? {} : { signal }),
    ...(onDownload === undefined ? {} : { onProgress: onDownload }),
    ...(onNotice === undefined ? {} : { onNotice }),
  });
  // The tokenizer first: it is small, and reveals a broken folder before gigabytes are read.
  const tokenizer = await readTokenizer(folder);
  const checkpoint = await readCheckpoint(folder, {
    ...(isHubReference(reference) ? { source: parseHubReference(reference).repository } : {}),
    ...(signal === undefined ? {} : { signal }),
  });
  checkTokenizerFits(tokenizer, checkpoint.config.vocabulary);
  return { folder, checkpoint, tokenizer };
}
