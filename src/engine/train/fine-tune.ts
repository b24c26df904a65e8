import {
  optionally,
  requireFields,
  requireFunction,
  requireList,
  requireMap,
  requireNumber,
  requireObject,
  requireText,
} from '../../foundation/require-arguments.js';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFolder } from '../../foundation/lock-folder.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { requireAdapter, type Adapter } from '../checkpoint/adapter.js';
import type { FloatTensor } from '../checkpoint/float-tensor.js';
import { requireCheckpoint, type Checkpoint } from '../checkpoint/read-checkpoint.js';
import { gradientNorm } from './adamw.js';
import { fingerprintTraining } from './fingerprint-training.js';
import { editUpdate, type GradientEdit } from './gradient-edit.js';
import { trainedParameterShapes, type TrainedPart, answerObjective } from './gradient-graph.js';
import { createGradientSource, type GradientSource, type LossTerm } from './gradient-source.js';
import { learningRateAt, batchLimitsFor, type BatchLimits, countSteps, trainedPartOf } from './plan-training.js';
import { answerStream } from './prepare-training.js';
import { createOptimizer, type Optimizer } from './optimizer.js';
import { checkLossTerms, checkResidualVectors, checkTrainingCounts } from './check-training-input.js';
import { parseRecipe, type Recipe, type RecipeInput } from './recipe.js';
import { checkStartingAdapter, startTraining } from './start-training.js';
import { divergedTraining, interruptedTraining, openTrainingLog, type TrainingLogEntry } from './training-log.js';
import type { WeightedRow } from './token-batch.js';
import { copyTensors, writeTrained } from './trained-parameters.js';
import {
  loadTrainingState,
  removeTrainingState,
  removeTrainingStates,
  saveTrainingState,
  type TrainingState,
  type TrainingStateFolder,
} from './training-state.js';

export interface FineTuneSettings {
  readonly base: Checkpoint;
  /** Parsed by `parseRecipe`, or as a user writes it. */
  readonly recipe: RecipeInput;
  /** Encoded training rows; see `encodeTrainingSet`. */
  readonly rows: readonly WeightedRow[];
  /**
   * Receives the result, training.jsonl and checkpoints/; locked while the run works in it. A stopped run resumes from
   * here.
   */
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
  /** The result is bit-identical for any number of threads. */
  readonly threads: number;
  readonly batchLimits?: BatchLimits;
  readonly signal?: AbortSignal;
  /** A clock in milliseconds, used only for the time left. */
  readonly clock?: () => number;
  /** Called after each step; the next step waits for the promise that it returns. */
  readonly onStep?: (event: TrainingStepEvent) => unknown;
}

export interface TrainingStepEvent extends TrainingLogEntry {
  readonly steps: number;
  readonly millisecondsLeft: number;
}

export interface FineTuneResult {
  readonly trained: TrainedPart;
  /** By PEFT's names for an adapter, by Hugging Face's for full training. */
  readonly parameters: ReadonlyMap<string, FloatTensor>;
  /** Steps done by this call: fewer than `steps` if it resumed a run, 0 if the run was finished already. */
  readonly stepsDone: number;
  readonly steps: number;
}

/**
 * Fine-tunes by AdamW or Muon. Kill it at any moment and call it again with the same settings and folder: it continues
 * from the last saved state to the bit-identical result. On abort it saves, and throws `interrupted`.
 */
export async function fineTune(settings: FineTuneSettings): Promise<FineTuneResult> {
  requireFields(settings, 'settings', {
    base: requireCheckpoint,
    rows: requireRows,
    folder: requireText,
    startFrom: optionally(requireAdapter),
    extraTerms: optionally(requireTerms),
    residualVectors: optionally(requireMap),
    gradientEdits: optionally(requireObjects),
    keepSteps: optionally(requireNumbers),
  });
  const {
    base,
    rows,
    folder,
    extraTerms = [],
    gradientEdits = [],
    saveEvery = 50,
    keepSteps = [],
    startFrom,
    threads,
    batchLimits = batchLimitsFor(base.config),
  } = settings;
  const recipe = parseRecipe(settings.recipe);
  const residualVectors = settings.residualVectors ?? new Map<number, Float32Array>();
  const trained = trainedPartOf(recipe, base);
  const terms = [answerTerm(recipe, rows), ...extraTerms];
  checkLossTerms(terms, base);
  checkResidualVectors(residualVectors, base);
  if (startFrom !== undefined) checkStartingAdapter(startFrom, trained, base);
  const steps = countSteps(recipe, rows.length);
  checkTrainingCounts({ threads, saveEvery, keepSteps }, steps);
  const fingerprint = fingerprintTraining({
    base,
    recipe,
    terms,
    residualVectors,
    gradientEdits,
    startFrom: startFrom ?? null,
    batchLimits,
  });
  const place = { folder: join(folder, 'checkpoints'), base, trained, recipe, fingerprint };

  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  const unlock = await lockFolder(folder);
  try {
    const state = (await loadTrainingState(place)) ?? startTraining(base, trained, recipe, startFrom);
    // The run may have been killed after its last state was saved and before the result was.
    if (state.step < steps) {
      const source = await createGradientSource({
        config: base.config,
        weights: base.weights,
        trained,
        terms,
        residualVectors,
        seed: recipe.seed,
        shuffle: recipe.shuffle,
        threads,
        limits: batchLimits,
      });
      try {
        const optimizer = await createOptimizer(recipe, trainedParameterShapes(base.config, trained), threads);
        const run = {
          ...settings,
          recipe,
          gradientEdits,
          saveEvery,
          keepSteps,
          place,
          state,
          source,
          optimizer,
          steps,
        };
        await runSteps(run).finally(() => optimizer.release());
      } finally {
        await source.release();
      }
    }
    await writeTrained(folder, base, trained, state.parameters);
    return { trained, parameters: state.parameters, stepsDone: steps - state.step, steps };
  } finally {
    await unlock();
  }
}

interface TrainingRun extends FineTuneSettings {
  readonly recipe: Recipe;
  readonly gradientEdits: readonly GradientEdit[];
  readonly saveEvery: number;
  readonly keepSteps: readonly number[];
  readonly place: TrainingStateFolder;
  /** Where the run begins; its tensors are changed in place. */
  readonly state: TrainingState;
  readonly source: GradientSource;
  readonly optimizer: Optimizer;
  readonly steps: number;
}

/** Does the remaining steps, and removes the saved states that need not be kept. */
async function runSteps(run: TrainingRun): Promise<void> {
  const { recipe, folder, gradientEdits, saveEvery, keepSteps, place, state, source, optimizer, steps, signal } = run;
  const clock = run.clock ?? ((): number => performance.now());
  const { parameters } = state;
  const log = await openTrainingLog(join(folder, 'training.jsonl'), state.step);
  const updateEdits = gradientEdits.filter((edit) => edit.alsoUpdate === true);
  const started = clock();
  let saved = state.step;
  const save = async (step: number): Promise<void> => {
    await saveTrainingState(place, { step, parameters, optimizer: state.optimizer });
    saved = step;
  };
  const removeOlder = (): Promise<void> =>
    removeTrainingStates(place.folder, [saved, ...keepSteps.filter((kept) => kept < saved)]);
  try {
    for (let step = state.step; step < steps; step += 1) {
      const computed = await source.compute(step, parameters, signal).catch((cause: unknown) => {
        if (signal?.aborted === true && cause === signal.reason) return null;
        throw cause;
      });
      if (computed === null) {
        if (saved !== step) await save(step);
        throw interruptedTraining(step, steps, folder);
      }
      const { loss, termLosses, gradients, tokens } = computed;
      for (const edit of gradientEdits) edit.apply(gradients, step);
      const flat = new Map([...gradients].map(([name, { data }]) => [name, data]));
      const norm = gradientNorm(flat);
      if (!Number.isFinite(loss) || !Number.isFinite(norm)) {
        // A loss that is not finite means bad parameters; if only the gradient is not finite, they are still good.
        if (!Number.isFinite(loss)) await removeTrainingState(place.folder, step);
        else if (saved !== step) await save(step);
        throw divergedTraining(step + 1, { loss, norm }, await latestStep(place), place.folder);
      }
      // The previous state is needed until the loss shows that the new one is sound.
      if (saved === step) await removeOlder();
      const learningRate = learningRateAt(recipe, step, steps);
      const gradientFactor =
        recipe.max_grad_norm !== null && norm > recipe.max_grad_norm ? recipe.max_grad_norm / (norm + 1e-6) : 1;
      const before = updateEdits.length === 0 ? null : copyTensors(gradients.keys(), parameters);
      await optimizer.step(parameters, flat, state.optimizer, { learningRate, step: step + 1, gradientFactor });
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
      // Every other update is checked by the loss of the step after it.
      if (step + 1 === steps && !areFinite(parameters)) {
        throw divergedTraining(steps, { loss, norm }, await latestStep(place), place.folder);
      }
      if ((step + 1) % saveEvery === 0 || step + 1 === steps || keepSteps.includes(step + 1)) await save(step + 1);
      const millisecondsLeft = ((clock() - started) / (step + 1 - state.step)) * (steps - step - 1);
      await run.onStep?.({ ...entry, steps, millisecondsLeft });
    }
    await removeOlder();
  } finally {
    await log.close();
  }
}

/** The step of the latest state that can be continued from. */
async function latestStep(place: TrainingStateFolder): Promise<number | null> {
  // The run has failed for another reason, so damaged states are not worth an error of their own.
  const state = await loadTrainingState(place).catch(() => null);
  return state?.step ?? null;
}

function areFinite(tensors: ReadonlyMap<string, FloatTensor>): boolean {
  return [...tensors.values()].every(({ data }) => data.every(Number.isFinite));
}

function answerTerm(recipe: Recipe, rows: readonly WeightedRow[]): LossTerm {
  return {
    name: answerStream,
    weight: 1,
    objective: answerObjective,
    rows,
    rowsPerStep: recipe.batch_size * recipe.accumulation,
  };
}

function requireRows(rows: unknown, what: string): void {
  requireList(rows, what, (row, where) => {
    requireFields(row, where, { ids: requireNumbers, weights: requireNumbers });
  });
}

function requireTerms(terms: unknown, what: string): void {
  requireList(terms, what, (term, where) => {
    requireFields(term, where, { name: requireText, objective: requireFunction, rows: requireRows });
  });
}

function requireNumbers(list: unknown, what: string): void {
  requireList(list, what, requireNumber);
}

function requireObjects(list: unknown, what: string): void {
  requireList(list, what, requireObject);
}
