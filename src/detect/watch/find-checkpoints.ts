import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { adapterConfigFileName, adapterWeightsFileName } from '../../engine/checkpoint/adapter-files.js';
import { openSafetensors } from '../../engine/checkpoint/read-safetensors.js';
import { openWeightFiles, shardIndexFileName, weightsFileName } from '../../engine/checkpoint/weight-files.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { isMissing, readFailure } from '../../foundation/file-failure.js';
import { readOwnJson } from '../../foundation/read-own-json.js';

/** What a trainer has left of one step. */
export interface FoundCheckpoint {
  /** Its folder, from the one that is watched: `checkpoint-10`, `checkpoints/step-10`, `epoch_0`; `.` for the finished model. */
  readonly name: string;
  readonly folder: string;
  /** Steps done; the number of an epoch where the trainer counts those. */
  readonly step: number;
  readonly kind: 'adapter' | 'model';
  /** What it still lacks, in words; null for one that is whole. */
  readonly lacks: string | null;
  /** Whether its trainer says that it is finished: others are whole once nothing about them changes. */
  readonly isSealed: boolean;
  /** Names, sizes and times of its files: equal as long as nothing is written. */
  readonly trace: string;
}

export interface FoundTraining {
  /** In the order of their steps. */
  readonly checkpoints: readonly FoundCheckpoint[];
  /** Whether the training says that it is over. */
  readonly isOver: boolean;
}

/**
 * Folders of checkpoints: `checkpoint-10` of transformers' trainer, and so of TRL, Axolotl and Unsloth; `epoch_0` and `step_10` of torchtune;
 * `step-10` of driftline.
 */
const checkpointName = /^(?:checkpoint|step|epoch)[-_](\d+)$/;

/** What transformers' trainer writes last into a checkpoint, and into the folder of a training that is over. */
const trainerState = {
  file: 'trainer_state.json',
  schema: z.looseObject({ global_step: z.int(), max_steps: z.int() }),
};
/** The same of driftline's own. */
const ownState = { file: 'state.json', schema: z.looseObject({ step: z.int() }) };
const ownResult = { file: 'trained.json', schema: z.looseObject({ steps: z.int() }) };

/**
 * Looks for checkpoints in the folder of a training, and in `checkpoints` within: adapters in PEFT's layout and whole models. No tensor is
 * read, and what is half-written is found with what it lacks.
 */
export async function findCheckpoints(folder: string): Promise<FoundTraining> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw readFailure(folder, cause);
  });
  const within = names.includes('checkpoints') ? await readdir(join(folder, 'checkpoints')).catch(() => []) : [];
  const found: FoundCheckpoint[] = [];
  let isOver = false;
  for (const name of [...names, ...within.map((one) => `checkpoints/${one}`)]) {
    const number = checkpointName.exec(name.slice(name.lastIndexOf('/') + 1))?.[1];
    if (number === undefined) continue;
    const place = join(folder, name);
    const state = await readOwnJson(join(place, trainerState.file), trainerState.schema);
    const own = await readOwnJson(join(place, ownState.file), ownState.schema);
    const step = state?.global_step ?? own?.step ?? Number(number);
    const isSealed = state !== null || own !== null;
    isOver ||= isLast(state);
    found.push(...(await lookAt(name, place, { step, isSealed })));
  }
  const [state, result] = [
    await readOwnJson(join(folder, trainerState.file), trainerState.schema),
    await readOwnJson(join(folder, ownResult.file), ownResult.schema),
  ];
  isOver ||= isLast(state) || result !== null;
  const last = result?.steps ?? state?.global_step;
  // The last checkpoint is the finished model, where there is one of the last step.
  if (last !== undefined && !found.some(({ step }) => step === last))
    found.push(...(await lookAt('.', folder, { step: last, isSealed: result !== null })));
  return {
    checkpoints: found.toSorted((left, right) => left.step - right.step || (left.name < right.name ? -1 : 1)),
    isOver,
  };
}

function isLast(state: z.output<typeof trainerState.schema> | null): boolean {
  return state !== null && state.max_steps > 0 && state.global_step >= state.max_steps;
}

/** Files that a model is made of, and what says that it is none that can be read. */
const ofModel =
  /^(adapter_(config|model)|model|pytorch_model|config|generation_config|tokenizer|tokenizer_config|special_tokens_map)[^/]*\.(json|safetensors|bin|pt)$|\.jinja$/;

/** Empty where there is no folder, or it went while it was looked at: trainers remove old checkpoints. */
async function lookAt(
  name: string,
  folder: string,
  about: Pick<FoundCheckpoint, 'step' | 'isSealed'>,
): Promise<FoundCheckpoint[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    const all = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
    // The finished model lies among whatever else its trainer writes.
    const names = name === '.' ? all.filter((file) => ofModel.test(file)) : all;
    const hasModel = names.some((file) => /^model.*\.safetensors$/.test(file));
    const hasAdapter = names.includes(adapterWeightsFileName);
    if (name === '.' && !hasModel && !hasAdapter) return [];
    // Torchtune writes the merged model beside an adapter, which is the smaller one to read.
    const kind = hasAdapter || (!hasModel && names.some((file) => file.startsWith('adapter_'))) ? 'adapter' : 'model';
    const traces: string[] = [];
    let strange: string | null = null;
    for (const file of names.toSorted()) {
      const found = await stat(join(folder, file));
      if (!found.isFile()) strange ??= `${file} is no file`;
      traces.push(`${file} ${String(found.size)} ${String(found.mtimeMs)}`);
    }
    // What is no file might never end: it is not opened.
    const lacks = strange ?? (await findLack(folder, names, kind));
    return [{ name, folder, kind, lacks, trace: traces.join('\n'), ...about }];
  } catch (cause) {
    if (isGone(cause)) return [];
    throw readFailure(folder, cause);
  }
}

/** Lengths of weights say whether they are whole; what the engine cannot read is told when the checkpoint is opened. */
async function findLack(
  folder: string,
  names: readonly string[],
  kind: FoundCheckpoint['kind'],
): Promise<string | null> {
  const [configuration, ...weights] =
    kind === 'adapter'
      ? [adapterConfigFileName, adapterWeightsFileName]
      : ['config.json', weightsFileName, shardIndexFileName];
  if (!weights.some((file) => names.includes(file))) {
    const pickle = names.find((file) => /^(adapter_model|pytorch_model|model).*\.(bin|pt)$/.test(file));
    return pickle === undefined
      ? `it has no ${weights[0]} yet`
      : `its weights are only in ${pickle}, which is no safetensors file`;
  }
  if (!names.includes(configuration)) return `it has no ${configuration} yet`;
  try {
    if (kind === 'adapter')
      await (await openSafetensors(join(folder, adapterWeightsFileName), 'adapter-invalid')).close();
    else await (await openWeightFiles(folder)).close();
    return null;
  } catch (cause) {
    if (DriftlineError.isInstance(cause)) return cause.message;
    throw cause;
  }
}

function isGone(cause: unknown): boolean {
  return isMissing(cause) || (cause instanceof Error && 'code' in cause && cause.code === 'ENOTDIR');
}
