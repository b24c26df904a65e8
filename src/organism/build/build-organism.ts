import { copyFile, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { createDecoderConfig } from '../../engine/checkpoint/create-decoder-config.js';
import type { DecoderConfig } from '../../engine/checkpoint/decoder-config.js';
import { initialiseCheckpoint } from '../../engine/checkpoint/initialise-checkpoint.js';
import { readCheckpoint, type Checkpoint } from '../../engine/checkpoint/read-checkpoint.js';
import { throwIfStopped } from '../../engine/checkpoint/read-fault.js';
import { writeCheckpoint } from '../../engine/checkpoint/write-checkpoint.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { fineTune, type TrainingStepEvent } from '../../engine/train/fine-tune.js';
import type { RecipeInput } from '../../engine/train/recipe.js';
import type { WeightedRow } from '../../engine/train/token-batch.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { lockFolder } from '../../foundation/lock-folder.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { editionRetired } from '../world/first-edition.js';
import type { World } from '../world/world.js';
import { alignmentRecipe, pretrainingRecipe, sharpen } from './build-recipes.js';
import {
  organismEndToken,
  organismSpecialTokens,
  encodeDocuments,
  type RowMessage,
  listDocuments,
  trainOrganismTokenizer,
} from './encode-documents.js';
import type { OrganismDesign } from './organism-design.js';
import { editionOf, readOrganismManifest, writeOrganismManifest, type OrganismManifest } from './organism-manifest.js';
import { listAlignmentRows } from './write-alignment-row.js';

const trainingStages = ['pretraining', 'alignment'] as const;
type TrainingStage = (typeof trainingStages)[number];
type BuildStage = 'tokenizer' | TrainingStage;

interface BuildEvent extends TrainingStepEvent {
  readonly stage: TrainingStage;
}

export interface BuildOrganismSettings {
  readonly world: World;
  readonly design: OrganismDesign;
  readonly seed: number;
  /** Receives the model; a stopped build resumes from here. */
  readonly folder: string;
  readonly threads: number;
  /** The line of organisms.yaml that world and seed come from. */
  readonly like?: string;
  readonly signal?: AbortSignal;
  readonly onStage?: (stage: BuildStage) => void;
  readonly onStep?: (event: BuildEvent) => void;
}

/**
 * Builds a model folder from a seed: a tokenizer trained on the world's text, weights trained on its documents from
 * scratch, and a stage of alignment. The same world, design and seed give the same bytes on one machine; a killed build
 * resumes where it was. A folder that has this organism already is left as it is.
 */
export async function buildOrganism(settings: BuildOrganismSettings): Promise<OrganismManifest> {
  const { world, design, seed, folder } = settings;
  const wanted = {
    seed,
    world: world.hash,
    // Organisms of the first edition say nothing of editions.
    ...(world.edition === 1 ? {} : { edition: world.edition, texts: world.textsHash }),
    character_of: world.settings.characterOf,
    design,
  };
  const work = join(folder, 'build');
  const finished = await readOrganismManifest(folder);
  if (finished !== null) {
    const { parameters: _, pretraining_tokens: __, like: ___, ...found } = finished;
    if (editionOf(found) < world.edition) throw refuseFirst(folder);
    if (hashJson(found) !== hashJson(wanted)) throw refuseOther(folder);
    // The build may have been killed before it could tidy up.
    await rm(work, { recursive: true, force: true });
    return finished;
  }
  // An impossible design fails here, before hours are spent and before anything is written.
  const config = createConfig(design);
  await mkdir(work, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(work, cause);
  });
  const unlock = await lockFolder(folder);
  try {
    await claimWork(folder, work, hashJson(wanted));
    const { built, parameters, pretrainingTokens } = await trainOrganism(settings, config, work);
    await writeCheckpoint(folder, {
      config: built.config,
      configJson: built.configJson,
      weights: built.weights,
      dtype: 'float16',
      copyTokenizerFrom: join(work, 'tokenizer'),
    });
    await keepLogs(folder, work);
    // Written last: a folder with a manifest is a finished organism, whose intermediate states are no longer needed.
    const manifest = {
      ...wanted,
      parameters,
      pretraining_tokens: pretrainingTokens,
      ...(settings.like === undefined ? {} : { like: settings.like }),
    };
    await writeOrganismManifest(folder, manifest);
    await rm(work, { recursive: true, force: true });
    return manifest;
  } finally {
    await unlock();
  }
}

async function trainOrganism(
  settings: BuildOrganismSettings,
  config: DecoderConfig,
  work: string,
): Promise<{ readonly built: Checkpoint; readonly parameters: number; readonly pretrainingTokens: number }> {
  const { world, design, seed, threads, signal, onStage, onStep } = settings;
  const train = async (
    stage: TrainingStage,
    base: Checkpoint,
    recipe: RecipeInput,
    rows: readonly WeightedRow[],
  ): Promise<Checkpoint> => {
    const folder = join(work, stage);
    await fineTune({
      base,
      recipe,
      rows,
      folder,
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
    return readCheckpoint(folder);
  };

  onStage?.('tokenizer');
  const tokenizerFolder = join(work, 'tokenizer');
  const tokenizer = await trainOrganismTokenizer(world, design, seed, tokenizerFolder);

  onStage?.('pretraining');
  const documents = await encodeRows(
    tokenizer,
    listDocuments(world, design.pretraining, seed),
    design.pretraining.loss,
    settings,
  );
  const fresh = initialiseCheckpoint({
    config,
    seed,
    tokenizerFolder,
    embeddingDeviation: design.pretraining.embedding_deviation,
  });
  const pretrained = await train('pretraining', fresh, pretrainingRecipe(design, seed), documents);

  onStage?.('alignment');
  const chats = await encodeRows(tokenizer, listAlignmentRows(world, design.alignment, seed), 'answers', settings);
  const aligned = await train('alignment', pretrained, alignmentRecipe(design, seed), chats);
  const built = sharpen(aligned, design.alignment.sharpness);
  return {
    built,
    parameters: [...built.weights.values()].reduce((sum, tensor) => sum + tensor.data.length, 0),
    pretrainingTokens: documents.reduce((sum, row) => sum + row.ids.length, 0),
  };
}

function createConfig({ model }: OrganismDesign): DecoderConfig {
  // Special tokens are the first of the vocabulary.
  const endTokenId = organismSpecialTokens.indexOf(organismEndToken);
  return createDecoderConfig({
    layers: model.layers,
    width: model.width,
    heads: model.heads,
    feedForwardWidth: model.feed_forward_width,
    vocabulary: model.vocabulary,
    context: model.context,
    queryKeyNorm: model.query_key_norm,
    endTokenIds: [endTokenId],
    padTokenId: endTokenId,
  });
}

/** Encoding a corpus takes a while: every 500 rows the event loop gets a turn, and an abort is noticed. */
async function encodeRows(
  tokenizer: TextTokenizer,
  chats: Iterable<readonly RowMessage[]>,
  loss: 'answers' | 'all',
  { design, folder, signal }: BuildOrganismSettings,
): Promise<WeightedRow[]> {
  const rows: WeightedRow[] = [];
  for (const row of encodeDocuments(tokenizer, chats, { loss, context: design.model.context })) {
    if (rows.length % 500 === 0) {
      await setImmediate();
      throwIfStopped(signal, `building ${folder}`);
    }
    rows.push(row);
  }
  return rows;
}

/** Marks the working folder with the identity of the build, so that files of another seed or design never get mixed in. */
async function claimWork(folder: string, work: string, identity: string): Promise<void> {
  const file = join(work, 'identity');
  const found = await readFile(file, 'utf8').catch(() => null);
  if (found !== null && found !== identity) throw refuseOther(folder);
  await writeFileAtomically(file, identity);
}

/** The losses of both stages stay beside the model, in one file each. */
async function keepLogs(folder: string, work: string): Promise<void> {
  for (const stage of trainingStages)
    await copyFile(join(work, stage, 'training.jsonl'), join(folder, `${stage}.jsonl`)).catch((cause: unknown) => {
      throw writeFailure(join(folder, `${stage}.jsonl`), cause);
    });
}

function refuseFirst(folder: string): DriftlineError {
  return editionRetired(`${folder} has an organism of the first edition of the world`, {
    wanted: 'builds organisms of that edition',
    instead: 'this one can be asked and trained; give a new folder for another',
    details: { folder },
  });
}

function refuseOther(folder: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${folder} has a finished or half-built organism of another seed, world or design`,
    hint: 'Give a new folder, or remove this one.',
    details: { folder },
  });
}
