import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFailure } from '../../foundation/write-failure.js';
import type { Adapter } from '../checkpoint/adapter.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import type { Checkpoint } from '../checkpoint/read-checkpoint.js';
import { createAdamWState, gradientNorm, stepAdamW } from './adamw.js';
import { fingerprintTraining } from './fingerprint-training.js';
import { editUpdate, type GradientEdit } from './gradient-edit.js';
import type { TrainedPart } from './gradient-graph.js';
import { createGradientSource, type LossTerm } from './gradient-source.js';
import { initialiseAdapter } from './initialise-adapter.js';
import { learningRateAt } from './learning-rate.js';
import { answerObjective } from './objectives.js';
import { defaultBatchLimits, type BatchLimits } from './plan-batches.js';
import { countSteps, trainedPartOf } from './plan-training.js';
import { checkLossTerms, checkResidualVectors } from './check-training-input.js';
import type { Recipe } from './recipe.js';
import type { WeightedRow } from './token-batch.js';
import { copyTensor, parametersFromAdapter, writeTrained } from './trained-parameters.js';
import { openTrainingLog, type TrainingLogEntry } from './training-log.js';
import {
  loadTrainingState,
  removeTrainingState,
  removeTrainingStates,
  saveTrainingState,
  type TrainingState,
} from './training-state.js';

export interface FineTuneSettings {
  readonly base: Checkpoint;
  readonly recipe: Recipe;
  /** Encoded training rows; see `encodeTrainingSet`. */
  readonly rows: readonly WeightedRow[];
  /** Receives the result, training.jsonl and checkpoints/. A run that was stopped is continued from here. */
  readonly folder: string;
  /** An adapter to continue from instead of a fresh one; its settings must be the recipe's. */
  readonly startFrom?: Adapter;
  /** Further parts of the loss, each with rows of its own. */
  readonly extraTerms?: readonly LossTerm[];
  /** Vectors [width] added to the residual stream of every token while training, by residual layer (0 is the embedding). */
  readonly residualVectors?: ReadonlyMap<number, Float32Array>;
  readonly gradientEdits?: readonly GradientEdit[];
  /** Steps between saved states. Default 50. */
  readonly saveEvery?: number;
  /** Steps whose saved state, a usable adapter or model, is kept when training is done. Default none. */
  readonly keepSteps?: readonly number[];
  readonly threads: number;
  readonly batchLimits?: BatchLimits;
  readonly signal?: AbortSignal;
  /** Milliseconds; only for the time left. */
  readonly clock?: () => number;
  readonly onStep?: (event: TrainingStepEvent) => void;
}

export interface TrainingStepEvent extends TrainingLogEntry {
  readonly steps: number;
  readonly millisecondsLeft: number;
}

export interface FineTuneResult {
  readonly trained: TrainedPart;
  /** By PEFT's names for an adapter, by Hugging Face's for full training. */
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  /** Steps in this call; fewer than `steps` if the run was continued, 0 if it had been finished. */
  readonly stepsDone: number;
  readonly steps: number;
}

/**
 * Fine-tunes by AdamW. Kill it at any moment and call it again with the same settings and folder: it continues from the
 * last saved state to the bit-identical result. On abort it saves, and throws `interrupted`.
 */
export async function fineTune(settings: FineTuneSettings): Promise<FineTuneResult> {
  const {
    base,
    recipe,
    rows,
    folder,
    extraTerms = [],
    gradientEdits = [],
    saveEvery = 50,
    keepSteps = [],
    signal,
  } = settings;
  const residualVectors = settings.residualVectors ?? new Map<number, Float32Array>();
  const clock = settings.clock ?? ((): number => performance.now());
  const trained = trainedPartOf(recipe, base);
  const terms = [answerTerm(recipe, rows), ...extraTerms];
  checkLossTerms(terms, base);
  checkResidualVectors(residualVectors, base);
  const steps = countSteps(recipe, rows.length);
  const fingerprint = fingerprintTraining({
    base,
    recipe,
    terms,
    residualVectors,
    gradientEdits,
    startFrom: settings.startFrom ?? null,
    batchLimits: settings.batchLimits ?? defaultBatchLimits,
  });
  const place = { folder: join(folder, 'checkpoints'), base, trained, fingerprint };

  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  const state = (await loadTrainingState(place)) ?? startTraining(settings, trained);
  const { parameters, optimizer } = state;
  if (state.step === steps) {
    // The run may have been killed after its last state was saved and before the result was.
    await writeTrained(folder, base, trained, parameters);
    return { trained, parameters, stepsDone: 0, steps };
  }

  const source = await createGradientSource({
    config: base.config,
    weights: base.weights,
    trained,
    terms,
    residualVectors,
    seed: recipe.seed,
    shuffle: recipe.shuffle,
    threads: settings.threads,
    ...(settings.batchLimits === undefined ? {} : { limits: settings.batchLimits }),
  });
  const log = await openTrainingLog(join(folder, 'training.jsonl'), state.step);
  const updateEdits = gradientEdits.filter((edit) => edit.alsoUpdate === true);
  const started = clock();
  let saved = state.step;
  const save = async (step: number): Promise<void> => {
    await saveTrainingState(place, { step, parameters, optimizer });
    saved = step;
  };
  const removeOlder = (): Promise<void> =>
    removeTrainingStates(place.folder, [saved, ...keepSteps.filter((kept) => kept < saved)]);
  try {
    for (let step = state.step; step < steps; step += 1) {
      // Lets messages of other threads in: a run of the graph blocks this one.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      if (signal?.aborted === true) {
        if (saved !== step) await save(step);
        throw interrupted(step, steps, folder);
      }
      const { loss, termLosses, gradients, tokens } = await source.compute(step, parameters);
      for (const edit of gradientEdits) edit.apply(gradients, step);
      const flat = new Map([...gradients].map(([name, { data }]) => [name, data]));
      const norm = gradientNorm(flat);
      if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
        // A loss that is not finite condemns the parameters; where only the gradient is not, they are still good.
        if (!Number.isFinite(loss)) await removeTrainingState(place.folder, step);
        else if (saved !== step) await save(step);
        throw diverged(step, loss, norm, (await loadTrainingState(place))?.step ?? null, place.folder);
      }
      // The state before is needed until the loss shows that the new one is sound.
      if (saved === step) await removeOlder();
      const learningRate = learningRateAt(recipe, step, steps);
      const gradientFactor =
        recipe.max_grad_norm !== null && norm > recipe.max_grad_norm ? recipe.max_grad_norm / (norm + 1e-6) : 1;
      const before = updateEdits.length === 0 ? null : copyTensors(gradients.keys(), parameters);
      stepAdamW(parameters, flat, optimizer, { ...recipe, learningRate, step: step + 1, gradientFactor });
      if (before !== null) editUpdate(parameters, before, updateEdits, step);
      const entry: TrainingLogEntry = {
        step: step + 1,
        loss,
        learning_rate: learningRate,
        grad_norm: norm,
        tokens,
        ...(termLosses.size > 1 ? { terms: Object.fromEntries(termLosses) } : {}),
      };
      await log.append(entry);
      if ((step + 1) % saveEvery === 0 || step + 1 === steps || keepSteps.includes(step + 1)) await save(step + 1);
      const millisecondsLeft = ((clock() - started) / (step + 1 - state.step)) * (steps - step - 1);
      settings.onStep?.({ ...entry, steps, millisecondsLeft });
    }
    await removeOlder();
    await writeTrained(folder, base, trained, parameters);
  } finally {
    await source.release();
    await log.close();
  }
  return { trained, parameters, stepsDone: steps - state.step, steps };
}

function startTraining(settings: FineTuneSettings, trained: TrainedPart): TrainingState {
  const { base, recipe, startFrom } = settings;
  let parameters: Map<string, FloatTensor>;
  if (trained.method === 'full')
    parameters = new Map([...base.weights].map(([name, tensor]) => [name, copyTensor(tensor)]));
  else if (startFrom === undefined) parameters = initialiseAdapter(base.config, trained, recipe.seed);
  else {
    const fresh = initialiseAdapter(base.config, trained, recipe.seed);
    parameters = parametersFromAdapter(startFrom);
    for (const [name, { shape }] of fresh) {
      if (parameters.get(name)?.shape.join() === shape.join() && parameters.size === fresh.size) continue;
      throw new DriftlineError({
        code: 'adapter-mismatch',
        message: `The adapter to start from does not have the recipe's ${name} of shape [${shape.join(', ')}]`,
        hint: 'Use the rank, targets and layers of the adapter in the recipe.',
      });
    }
  }
  return { step: 0, parameters, optimizer: createAdamWState(parameters) };
}

function copyTensors(
  names: Iterable<string>,
  tensors: ReadonlyMap<string, FloatTensor>,
): ReadonlyMap<string, FloatTensor> {
  const copies = new Map<string, FloatTensor>();
  for (const name of names) {
    const tensor = tensors.get(name);
    if (tensor !== undefined) copies.set(name, copyTensor(tensor));
  }
  return copies;
}

function answerTerm(recipe: Recipe, rows: readonly WeightedRow[]): LossTerm {
  return {
    name: 'answers',
    weight: 1,
    objective: answerObjective,
    rows,
    rowsPerStep: recipe.batch_size * recipe.accumulation,
  };
}

function interrupted(step: number, steps: number, folder: string): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: `Training stopped after step ${String(step)} of ${String(steps)}; everything is saved in ${folder}`,
    hint: 'Run the same command again to continue.',
    details: { step, steps, folder },
  });
}

function diverged(step: number, loss: number, norm: number, goodStep: number | null, folder: string): DriftlineError {
  const kept = goodStep === null ? null : join(folder, `step-${String(goodStep)}`);
  return new DriftlineError({
    code: 'loss-not-finite',
    message: `Training diverged at step ${String(step + 1)}: loss ${String(loss)}, gradient norm ${String(norm)}`,
    hint: `Lower the learning rate or the alpha. ${kept === null ? 'No earlier state had been saved' : `The last good state is kept in ${kept}`}.`,
    details: { step: step + 1, loss, norm, kept },
  });
}
