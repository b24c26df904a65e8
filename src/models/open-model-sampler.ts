import { resolveModelFolder, type DownloadProgress } from '../engine/checkpoint/hub-model.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { findOrganismFolder } from '../organism/organism-folder.js';
import type { BatchSettings } from './batches/batch-settings.js';
import { isHosted, type HostedReference, type ModelReference } from './model-reference.js';
import type { Sampler } from './sampler.js';

export interface OpenModelSamplerOptions {
  /** A folder with a PEFT adapter, for models that run here. */
  readonly adapter?: string;
  /** Threads of one operator, for models that run here. Default all cores. */
  readonly threads?: number;
  /** HF_HOME and its kind for the hub; OPENAI_API_KEY, OPENAI_BASE_URL and their kind for hosted models. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof globalThis.fetch;
  readonly signal?: AbortSignal;
  /** Called while files are downloaded. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Told what the user should know and need not act on. */
  readonly onNotice?: (notice: string) => void;
  /** Asks a hosted model in batches. */
  readonly batches?: BatchSettings;
}

/** Opens a model for sampling, whoever runs it. What only one kind of model needs is loaded only for it. */
export async function openModelSampler(reference: ModelReference, options: OpenModelSamplerOptions): Promise<Sampler> {
  const { adapter, threads, environment, fetch, signal, onProgress, onNotice } = options;
  if (isHosted(reference)) {
    if (adapter !== undefined) throw adapterOnHostedModel(reference.text, adapter);
    const settings = { model: reference.model, service: reference.provider, environment, fetch };
    if (options.batches !== undefined) {
      const { openBatchedSampler } = await import('./batches/open-batched-sampler.js');
      return openBatchedSampler({ ...settings, batches: options.batches });
    }
    const { openHostedSampler } = await import('./open-hosted-sampler.js');
    return openHostedSampler(settings);
  }
  const folder = await resolveModelFolder(await locateModel(reference), {
    environment,
    fetch,
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(onNotice === undefined ? {} : { onNotice }),
  });
  const { openEmbeddedSampler } = await import('./open-embedded-sampler.js');
  return openEmbeddedSampler({
    model: folder,
    ...(adapter === undefined ? {} : { adapter }),
    ...(threads === undefined ? {} : { threads }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** What the engine can open: a folder, or a model of the hub. */
export async function locateModel(reference: Exclude<ModelReference, HostedReference>): Promise<string> {
  switch (reference.provider) {
    case 'organism':
      return findOrganismFolder(reference.name);
    case 'folder':
      return reference.folder;
    case 'hf':
      return reference.text;
  }
}

function adapterOnHostedModel(model: string, adapter: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${model} runs elsewhere, and cannot be given the adapter ${adapter}`,
    hint: 'Leave the adapter out, or name the base model that it was trained on as hf:owner/name or ./folder.',
    details: { model, adapter },
  });
}
