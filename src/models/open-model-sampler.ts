import type { DownloadProgress } from '../engine/checkpoint/hub-download.js';
import { resolveModelFolder } from '../engine/checkpoint/hub-model.js';
import { z } from 'zod';
import { environmentSchema, functionSchema, objectSchema, signalSchema } from '../foundation/caller-schemas.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { findOrganismFolder } from '../organism/organism-folder.js';
import type { BatchSettings } from './hosted/batches/batch-settings.js';
import {
  isHosted,
  parseModel,
  type AdaptedReference,
  type HostedReference,
  type ModelReference,
  type WholeReference,
  type WrittenModel,
} from './model-reference.js';
import type { Sampler } from './sampler.js';
import { services } from './services/services.js';
import type { SpendingMeter } from './hosted/spending/spending-ledger.js';

export interface OpenModelSamplerOptions {
  /** A folder with a PEFT adapter, for models that run here or on a server that loads adapters. */
  readonly adapter?: string;
  /** Threads of one operator, for models that run here. Default all cores. */
  readonly threads?: number;
  /** Available memory in bytes, for models that run here. Default unlimited. */
  readonly memory?: number;
  /** HF_HOME and the like for the hub; OPENAI_API_KEY, OPENAI_BASE_URL and the like for hosted models. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof globalThis.fetch;
  readonly signal?: AbortSignal;
  /** Called while files are downloaded. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Called with remarks that need no action. */
  readonly onNotice?: (notice: string) => void;
  /** Asks a hosted model in batches. */
  readonly batches?: BatchSettings;
  /** Counts what a hosted model costs. */
  readonly meter?: SpendingMeter;
}

/** The options of everything that opens a model. */
export const openingSchema = z.strictObject({
  threads: z.int().positive().optional(),
  memory: z.custom((value) => typeof value === 'number' && value >= 0, 'expected a number of bytes').optional(),
  environment: environmentSchema.optional(),
  fetch: functionSchema.optional(),
  signal: signalSchema.optional(),
  onProgress: functionSchema.optional(),
  onNotice: functionSchema.optional(),
});

const optionsSchema = openingSchema.extend({
  adapter: z.string().min(1).optional(),
  batches: objectSchema.optional(),
  meter: objectSchema.optional(),
});

/**
 * Opens a model for sampling by its name, such as `organism:1`, `hf:owner/name`, `./folder` or `vllm:NAME`, wherever it runs. Code for one
 * kind of model is loaded only for that kind. By default, environment and fetch are those of the process.
 */
export async function openModelSampler(
  model: WrittenModel | ModelReference,
  options: Partial<OpenModelSamplerOptions> = {},
): Promise<Sampler> {
  const reference = parseModel(model);
  parseSettings(optionsSchema, options, 'openModelSampler');
  if (reference.provider === 'adapted') {
    if (options.adapter !== undefined) throw twoAdapters(reference, options.adapter);
    return openModelSampler(reference.base, { ...options, adapter: reference.adapter }).catch(explainPlus(reference));
  }
  const { adapter, threads, memory, signal, onProgress, onNotice } = options;
  const { environment = process.env, fetch = globalThis.fetch } = options;
  if (isHosted(reference)) {
    const name =
      adapter === undefined
        ? reference.model
        : await loadAdapterThere(reference, adapter, { ...options, environment, fetch });
    const metered = options.meter === undefined ? {} : { meter: options.meter };
    const settings = { model: name, service: reference.provider, environment, fetch, ...metered };
    if (options.batches !== undefined) {
      const { openBatchedSampler } = await import('./hosted/chat/open-batched-sampler.js');
      return openBatchedSampler({ ...settings, batches: options.batches });
    }
    const { openHostedSampler } = await import('./hosted/chat/open-hosted-sampler.js');
    return openHostedSampler(settings);
  }
  const folder = await resolveModelFolder(await locateModel(reference), {
    environment,
    fetch,
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(onNotice === undefined ? {} : { onNotice }),
  });
  if (adapter !== undefined) {
    const [{ inspectModelAdapter }, { requireMemoryForWeights }, { readDecoderConfig }] = await Promise.all([
      import('./embedded/inspect-model-adapter.js'),
      import('./embedded/size-embedded-work.js'),
      import('../engine/checkpoint/read-decoder-config.js'),
    ]);
    const { remarks, bytes } = await inspectModelAdapter(adapter, { folder, text: reference.text });
    const { config } = await readDecoderConfig(folder);
    requireMemoryForWeights(`${reference.text}+${adapter}`, config, memory ?? Infinity, bytes);
    for (const remark of remarks) onNotice?.(remark);
  }
  const { openEmbeddedSampler } = await import('./embedded/open-embedded-sampler.js');
  return openEmbeddedSampler({
    model: folder,
    ...(adapter === undefined ? {} : { adapter }),
    ...(threads === undefined ? {} : { threads }),
    ...(memory === undefined ? {} : { memory }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Loads an adapter onto a model of a service, and returns the name of the result. */
export async function loadAdapterThere(
  { provider: service, text }: HostedReference,
  adapter: string,
  { environment, fetch, signal }: Pick<OpenModelSamplerOptions, 'environment' | 'fetch' | 'signal'>,
): Promise<string> {
  if (!services[service].loadsAdapters) throw adapterOnHostedModel(text, adapter);
  const [{ createHostedClient }, { loadAdapter }] = await Promise.all([
    import('./hosted/client/hosted-client.js'),
    import('./hosted/client/load-adapter.js'),
  ]);
  return loadAdapter(createHostedClient({ environment, fetch, service }), adapter, signal);
}

/** What the engine can open: a folder, or a model of the hub. */
export async function locateModel(reference: Exclude<WholeReference, HostedReference>): Promise<string> {
  switch (reference.provider) {
    case 'organism':
      return findOrganismFolder(reference.name);
    case 'folder':
      return reference.folder;
    case 'hf':
      return reference.text;
  }
}

/** Says of a base that is not there that the + may belong to its path. */
export function explainPlus({ text, base, adapter }: AdaptedReference): (cause: unknown) => never {
  return (cause) => {
    if (!DriftlineError.isInstance(cause) || cause.code !== 'checkpoint-missing' || base.provider !== 'folder')
      throw cause;
    const whole = JSON.stringify({ base: `${base.text}+${adapter}` });
    throw new DriftlineError({
      code: cause.code,
      message: `${text}: ${cause.message}`,
      hint: `What follows the first + is taken for an adapter. If it belongs to the name of the folder, write ${whole}.`,
      cause,
    });
  };
}

function twoAdapters({ text }: AdaptedReference, adapter: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${text} has an adapter already, and cannot be given ${adapter} besides`,
    hint: 'Name one of the two.',
    details: { model: text, adapter },
  });
}

export function adapterOnHostedModel(model: string, adapter: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${model} runs elsewhere, and cannot be given the adapter ${adapter}`,
    hint: 'Leave the adapter out, or name the base model that it was trained on as hf:owner/name, ./folder or, where vLLM serves it, vllm:NAME.',
    details: { model, adapter },
  });
}
