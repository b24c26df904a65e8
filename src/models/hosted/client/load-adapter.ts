import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { APIError } from 'openai';
import { z } from 'zod';
import { findServedAdapterFiles } from '../../../engine/checkpoint/adapter-files.js';
import { openSafetensors } from '../../../engine/checkpoint/read-safetensors.js';
import { requireEffect } from '../../../engine/checkpoint/require-effect.js';
import { hashJson } from '../../../foundation/content-hash.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { readFailure } from '../../../foundation/file-failure.js';
import { callWithOwnSignal, type HostedClient } from './hosted-client.js';
import { identifyModelFolder } from '../../embedded/identify-model-folder.js';

/** What PEFT assumes of keys that are not there. */
const configSchema = z.looseObject({
  r: z.int().positive(),
  lora_alpha: z.number().default(8),
  base_model_name_or_path: z.string().nullish(),
});

/** Ranks that vLLM can be started for. */
const ranks = [8, 16, 32, 64, 128, 256, 320, 512];

/**
 * Has a running vLLM load a LoRA adapter (`POST /v1/load_lora_adapter`), and returns the name by which it is asked: one
 * that stands for its content, so that an adapter is loaded once, however often it is asked. The server reads the
 * folder itself, under the same path.
 */
export async function loadAdapter(
  { client, host, explain }: HostedClient,
  adapter: string,
  signal?: AbortSignal,
): Promise<string> {
  const { rank, identity } = await inspectServedAdapter(adapter);
  const name = `driftline-${identity.slice(0, 16)}`;
  const body = { lora_name: name, lora_path: resolve(adapter) };
  try {
    await callWithOwnSignal(signal, async (own) =>
      (await client.post('/load_lora_adapter', { body, signal: own, maxRetries: 0 }).asResponse()).text(),
    );
  } catch (failure) {
    const said = failure instanceof APIError ? failure.message : '';
    if (/has already been loaded/.test(said)) return name;
    const refuse = (problem: string, hint: string): DriftlineError =>
      new DriftlineError({
        code: 'provider-refused',
        message: `${host} cannot load ${adapter}: ${problem}`,
        hint,
        details: { adapter, host },
      });
    if (/max_lora_rank/.test(said)) {
      const needed = ranks.find((one) => one >= rank) ?? rank;
      throw refuse(
        `its rank is ${String(rank)}, which is more than the server was started for`,
        `Start vLLM with --max-lora-rank ${String(needed)}.`,
      );
    }
    if (/no adapter found|not found for/i.test(said))
      throw refuse(
        `it finds no adapter at ${body.lora_path}`,
        'Put the folder where the server sees it under the same path.',
      );
    if (failure instanceof APIError && failure.status === 404)
      throw refuse(
        'it loads no adapters while it runs',
        'Start vLLM with --enable-lora, and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True in its environment.',
      );
    throw explain(failure, name);
  }
  return name;
}

interface ServedAdapter {
  readonly rank: number;
  readonly identity: string;
  /** What it was trained on, as whoever made it called that; null where it does not say. */
  readonly madeFor: string | null;
}

/** Checks the files of an adapter that a server loads, and that it changes something. Whether it fits its base only the server knows. */
export async function inspectServedAdapter(adapter: string): Promise<ServedAdapter> {
  const { config, weights } = await findServedAdapterFiles(adapter);
  const text = await readFile(config, 'utf8').catch((cause: unknown) => {
    throw readFailure(config, cause);
  });
  const { r: rank, lora_alpha: alpha, base_model_name_or_path: madeFor = null } = parseConfig(text, config);
  const file = await openSafetensors(weights, 'adapter-invalid');
  try {
    await requireEffect(adapter, file, { scale: alpha / rank });
  } finally {
    await file.close();
  }
  return { rank, madeFor, identity: hashJson({ config: text, weights: await identifyModelFolder(adapter) }) };
}

function parseConfig(text: string, file: string): z.output<typeof configSchema> {
  try {
    return configSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DriftlineError({
      code: 'adapter-invalid',
      message: `${file} does not say rank and strength of the adapter as PEFT does`,
      hint: "Name a folder with an adapter in PEFT's layout, such as runs/mine-1a2b3c4d/cells/CELL.",
      cause,
    });
  }
}
