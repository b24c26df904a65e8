import { isAbsolute, join } from 'node:path';
import { noRows, readTrainingSet } from '../../data/read-training-set.js';
import { createTrainingSet, type TrainingRow, type TrainingSet } from '../../data/training-set.js';
import { applyTransforms } from '../../data/transforms/apply-transforms.js';
import { parseTransforms, type Transform } from '../../data/transforms/transform.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { organismPrefix, type Organism } from '../../organism/organism.js';
import { trainingSetDefinitions } from '../../organism/training-sets/training-set-definitions.js';
import type { TrainedCondition } from './plan-schema.js';

/** Training sets in memory, by the names that a plan uses. */
export type GivenTrainingSets = Readonly<Record<string, readonly TrainingRow[]>>;

/** Where training sets are found by their names. */
export interface TrainingSetSources {
  readonly organism: Organism;
  /** The folder that paths of files are relative to. */
  readonly folder: string;
  /** Training sets of the caller; they take precedence. */
  readonly trainingSets?: GivenTrainingSets;
}

/** The training data of a condition, before it is read. */
type ConditionData = Pick<TrainedCondition, 'data' | 'settings' | 'mix' | 'trigger' | 'transforms'>;

/** Whether a set is drawn anew for each seed. */
export function dependsOnSeed(condition: ConditionData): boolean {
  const isDrawn = isOrganismSet(condition.data) && !('seed' in (condition.settings ?? {}));
  return isDrawn || listTransforms(condition).some(mixesDrawnSets);
}

function mixesDrawnSets(transform: Transform): boolean {
  return transform.kind === 'mix' && transform.parts.some(({ data }) => isOrganismSet(data));
}

function isOrganismSet(data: string): boolean {
  return data.startsWith(organismPrefix);
}

/** Loads a training set by its name in a plan. The seed draws the rows of the organism's sets. */
export async function loadNamedSet(
  data: string,
  settings: Readonly<Record<string, unknown>>,
  seed: number,
  { organism, folder, trainingSets = {} }: TrainingSetSources,
): Promise<TrainingSet> {
  const given = Object.hasOwn(trainingSets, data) ? trainingSets[data] : undefined;
  const found = given === undefined ? organism.findTrainingSet(data) : null;
  // Keeps the plan's name, by which transforms and mixes know the set.
  if (found !== null) return { ...(await found.build({ seed, ...settings })), name: data };
  const [misplaced] = Object.keys(settings);
  if (misplaced !== undefined) throw settingOfFile(data, misplaced);
  if (given?.length === 0) throw noRows(data);
  if (given !== undefined) return createTrainingSet({ name: data, rows: given, provenance: { given: data } });
  return readTrainingSet(isAbsolute(data) ? data : join(folder, data), { name: data }).catch((cause: unknown) => {
    throw explainMissingFile(data, cause);
  });
}

/** A set of the organism may be meant, or a file beside the plan. */
function explainMissingFile(data: string, failure: unknown): unknown {
  if (!DriftlineError.isInstance(failure) || failure.code !== 'file-unreadable') return failure;
  const { code, message, details } = failure;
  const isSet = trainingSetDefinitions.has(data);
  const hint = isSet
    ? `Did you mean ${organismPrefix}${data}? That is a set of the organism's; other names are of files beside the plan.`
    : `${failure.hint} Paths are relative to the folder of the plan.`;
  return new DriftlineError({ code, message, hint, details, cause: failure });
}

/** All transforms of a condition's set: the mix, the trigger, and the further ones. */
export function listTransforms({
  mix,
  trigger,
  transforms = [],
}: Omit<ConditionData, 'data' | 'settings'>): Transform[] {
  const short = [
    ...(mix === undefined ? [] : [{ kind: 'mix', parts: mix }]),
    ...(trigger === undefined ? [] : [{ kind: 'trigger', ...trigger }]),
  ];
  return [...parseTransforms(short, 'mix and trigger'), ...transforms];
}

/** The training set of a condition for this seed. */
export async function loadConditionSet(
  condition: ConditionData,
  seed: number,
  sources: TrainingSetSources,
): Promise<TrainingSet> {
  return applyTransforms(
    await loadNamedSet(condition.data, condition.settings ?? {}, seed, sources),
    listTransforms(condition),
    { resolve: (other) => loadNamedSet(other, {}, seed, sources) },
  );
}

function settingOfFile(data: string, setting: string): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${data}: the setting "${setting}" is only for sets of the organism`,
    hint: 'Leave settings out; transforms change the rows of any set.',
    details: { data, setting },
  });
}
