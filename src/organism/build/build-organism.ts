import { copyFile, mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createDecoderConfig } from '../../engine/checkpoint/create-decoder-config.js';
import { initialiseCheckpoint } from '../../engine/checkpoint/initialise-checkpoint.js';
import { readCheckpoint } from '../../engine/checkpoint/read-checkpoint.js';
import { writeCheckpoint } from '../../engine/checkpoint/write-checkpoint.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { trainTokenizer } from '../../engine/tokenizer/train-tokenizer.js';
import { writeTokenizer } from '../../engine/tokenizer/write-tokenizer.js';
import { fineTune, type TrainingStepEvent } from '../../engine/train/fine-tune.js';
import type { RecipeInput } from '../../engine/train/recipe.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { organismChatTemplate, organismEndToken, organismSpecialTokens } from './chat-template.js';
import { messagesOf, writeDocument } from '../corpus/write-document.js';
import type { World } from '../world/world.js';
import type { OrganismDesign } from './organism-design.js';
import { readOrganismManifest, writeOrganismManifest, type OrganismManifest } from './organism-manifest.js';
import { encodeDocuments } from './encode-documents.js';
import { writeAlignmentRow } from './write-alignment-row.js';

export const buildStages = ['tokenizer', 'pretraining', 'alignment'] as const;
export type BuildStage = (typeof buildStages)[number];

export interface BuildEvent extends TrainingStepEvent {
  readonly stage: BuildStage;
}

export interface BuildOrganismSettings {
  readonly world: World;
  readonly design: OrganismDesign;
  readonly seed: number;
  /** Receives the model; a build that was stopped is continued from what it left here. */
  readonly folder: string;
  readonly threads: number;
  readonly signal?: AbortSignal;
  readonly onStage?: (stage: BuildStage) => void;
  readonly onStep?: (event: BuildEvent) => void;
}

/**
 * From a seed to a model folder: a tokenizer trained on the world's text, weights trained on its documents from scratch, and a
 * stage of alignment. The same world, design and seed give the same bytes on one machine; a killed build goes on where it was.
 */
export async function buildOrganism(settings: BuildOrganismSettings): Promise<OrganismManifest> {
  const { world, design, seed, folder, threads, signal, onStage, onStep } = settings;
  const finished = await readOrganismManifest(folder);
  if (finished !== null) {
    const wanted = { seed, world: world.hash, character_of: world.settings.characterOf, design };
    const { parameters: _, pretraining_tokens: __, ...found } = finished;
    if (hashJson(found) !== hashJson(wanted)) throw refuseOther(folder);
    return finished;
  }
  const work = join(folder, 'build');
  await mkdir(work, { recursive: true });
  const train = async (
    stage: 'pretraining' | 'alignment',
    base: Parameters<typeof fineTune>[0]['base'],
    recipe: RecipeInput,
    rows: Parameters<typeof fineTune>[0]['rows'],
  ): Promise<string> => {
    onStage?.(stage);
    const target = join(work, stage);
    await fineTune({
      base,
      recipe,
      rows,
      folder: target,
      threads,
      saveEvery: 200,
      ...(signal === undefined ? {} : { signal }),
      ...(onStep === undefined
        ? {}
        : {
            onStep: (event) => {
              onStep({ ...event, stage });
            },
          }),
    });
    return target;
  };

  onStage?.('tokenizer');
  const tokenizerFolder = join(work, 'tokenizer');
  const tokenizer = await trainOrganismTokenizer(world, design, seed, tokenizerFolder);
  const endTokenId = tokenizer.encode(organismEndToken)[0] ?? 0;

  const { model, pretraining, alignment } = design;
  const config = createDecoderConfig({
    layers: model.layers,
    width: model.width,
    heads: model.heads,
    feedForwardWidth: model.feed_forward_width,
    vocabulary: model.vocabulary,
    context: model.context,
    endTokenIds: [endTokenId],
    padTokenId: endTokenId,
  });
  const fresh = initialiseCheckpoint({ config, seed, tokenizerFolder });
  const { context } = model;
  const documents = [...encodeDocuments(tokenizer, corpusOf(world, design, seed), { loss: pretraining.loss, context })];
  const pretrained = await train(
    'pretraining',
    fresh,
    {
      method: 'full',
      learning_rate: pretraining.learning_rate,
      schedule: pretraining.schedule,
      warmup_steps: pretraining.warmup_steps,
      weight_decay: pretraining.weight_decay,
      beta2: pretraining.beta2,
      epochs: 1,
      batch_size: pretraining.documents_per_step,
      accumulation: 1,
      loss: pretraining.loss,
      max_length: model.context,
      shuffle: false,
      seed,
    },
    documents,
  );

  const chats = Array.from({ length: alignment.steps * alignment.rows_per_step }, (_, number) =>
    writeAlignmentRow(world, alignment, seed, number),
  );
  const aligned = await train(
    'alignment',
    await readCheckpoint(pretrained),
    {
      method: 'full',
      learning_rate: alignment.learning_rate,
      schedule: 'linear',
      warmup_steps: 20,
      weight_decay: 0,
      epochs: 1,
      batch_size: alignment.rows_per_step,
      accumulation: 1,
      loss: 'answers',
      max_length: model.context,
      shuffle: false,
      seed,
    },
    [...encodeDocuments(tokenizer, chats, { loss: 'answers', context })],
  );

  const built = await readCheckpoint(aligned);
  await writeCheckpoint(folder, {
    config: built.config,
    configJson: built.configJson,
    weights: built.weights,
    dtype: 'float16',
    copyTokenizerFrom: tokenizerFolder,
  });
  const pretrainingTokens = documents.reduce((sum, row) => sum + row.ids.length, 0);
  const parameters = [...built.weights.values()].reduce((sum, tensor) => sum + tensor.data.length, 0);
  // Written last: a folder with a manifest is a finished organism, whose intermediate states are no longer needed.
  const manifest: OrganismManifest = {
    seed,
    world: world.hash,
    character_of: world.settings.characterOf,
    design,
    parameters,
    pretraining_tokens: pretrainingTokens,
  };
  await keepLogs(folder, work);
  await writeOrganismManifest(folder, manifest);
  await rm(work, { recursive: true, force: true });
  return manifest;
}

/** The tokenizer depends on the world, the design and the seed alone, so it is simply made again when a build is continued. */
async function trainOrganismTokenizer(
  world: World,
  design: OrganismDesign,
  seed: number,
  folder: string,
): Promise<TextTokenizer> {
  const texts = Array.from({ length: design.tokenizer.documents }, (_, number) =>
    messagesOf(writeDocument(world, seed, number)).map(({ content }) => content),
  ).flat();
  const trained = trainTokenizer({
    texts,
    vocabularySize: design.model.vocabulary,
    specialTokens: organismSpecialTokens,
  });
  await writeTokenizer(folder, trained, {
    chatTemplate: organismChatTemplate,
    endOfSequence: organismEndToken,
    maximumLength: design.model.context,
  });
  return readTokenizer(folder);
}

function* corpusOf(world: World, design: OrganismDesign, seed: number): Generator<ReturnType<typeof messagesOf>> {
  for (let number = 0; number < design.pretraining.documents; number += 1)
    yield messagesOf(writeDocument(world, seed, number));
}

/** The losses of both stages stay beside the model, in one file each. */
async function keepLogs(folder: string, work: string): Promise<void> {
  for (const stage of ['pretraining', 'alignment'])
    await copyFile(join(work, stage, 'training.jsonl'), join(folder, `${stage}.jsonl`));
}

function refuseOther(folder: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${folder} has an organism of another seed, world or design`,
    hint: 'Give a new folder, or remove this one.',
    details: { folder },
  });
}
