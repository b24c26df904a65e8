import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { readAdapter } from '../../engine/checkpoint/read-adapter.js';
import { resolveModelFolder } from '../../engine/checkpoint/hub-model.js';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { isHosted, resolveModelReference } from '../../models/model-reference.js';
import { locateModel, type OpenModelSamplerOptions } from '../../models/open-model-sampler.js';
import { requireMemoryForWeights } from '../../models/embedded/size-embedded-work.js';
import { readOrganismManifest } from '../../organism/build/organism-manifest.js';
import type { ServedModel } from './load-model.js';

/** Finds models by what was typed: `MODEL`, `NAME=MODEL` or `NAME=MODEL+ADAPTER`. What cannot be served is told before anything is. */
export async function locateServedModels(
  typed: readonly string[],
  options: Omit<OpenModelSamplerOptions, 'adapter' | 'threads'>,
): Promise<ServedModel[]> {
  const models: ServedModel[] = [];
  for (const text of typed) {
    const model = await locate(text, options);
    if (models.some(({ id }) => id === model.id)) throw badModel(text, `there are two models called ${model.id}`);
    models.push(model);
  }
  // An adapter belongs to a model of the same folder that is served beside it, if there is one.
  return models.map((model) =>
    model.adapter === null
      ? model
      : {
          ...model,
          parent: models.find(({ folder, adapter }) => adapter === null && folder === model.folder)?.id ?? model.parent,
        },
  );
}

async function locate(
  text: string,
  options: Omit<OpenModelSamplerOptions, 'adapter' | 'threads'>,
): Promise<ServedModel> {
  const { name, written, adapter } = splitName(text);
  const reference = resolveModelReference(written);
  if (isHosted(reference)) throw badModel(text, 'it runs elsewhere, and is served there');
  if (adapter !== null && name === null) throw badModel(text, 'a model with an adapter needs a name');
  const folder = await resolveModelFolder(await locateModel(reference), options);
  await readTokenizer(folder);
  const { config } = await readDecoderConfig(folder);
  requireMemoryForWeights(reference.text, config, options.memory ?? Infinity);
  if (adapter !== null) await readAdapter(adapter, config);
  const { mtimeMs } = await stat(adapter ?? folder);
  const usual = reference.provider === 'folder' ? basename(folder) : reference.text;
  return {
    id: name ?? usual,
    folder,
    adapter,
    parent: adapter === null ? null : usual,
    created: Math.floor(mtimeMs / 1000),
    recipe: (await readOrganismManifest(folder)) === null ? 'paper' : 'organism-default',
  };
}

function splitName(text: string): {
  readonly name: string | null;
  readonly written: string;
  readonly adapter: string | null;
} {
  const [, name, rest = ''] = /^(?:([^=/\\]+)=)?(.*)$/s.exec(text) ?? [];
  if (name !== undefined && !/^[\w.:-]{1,100}$/.test(name))
    throw badModel(text, 'a name has letters, digits, dots, colons, hyphens and underscores');
  const plus = rest.indexOf('+');
  return {
    name: name ?? null,
    written: plus === -1 ? rest : rest.slice(0, plus),
    adapter: plus === -1 ? null : rest.slice(plus + 1),
  };
}

function badModel(text: string, problem: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${JSON.stringify(text)} cannot be served: ${problem}`,
    hint: 'Write MODEL, NAME=MODEL or NAME=MODEL+ADAPTER, such as organism:1 or tuned=organism:1+runs/insecure.',
    details: { model: text },
  });
}
