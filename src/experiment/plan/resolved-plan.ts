import type { TrainingSet } from '../../data/training-set.js';
import type { Transform } from '../../data/transforms/transform.js';
import type { Recipe } from '../../engine/train/recipe.js';
import type { GateOptions } from '../../runs/gate-options.js';
import type { Measure } from '../../questions/question-file.js';
import type { RuleName } from '../../judging/rules.js';
import type { HostedPrice } from '../../models/hosted/spending/hosted-prices.js';
import type { ClusterSettings } from '../../models/cluster/cluster-settings.js';
import type { BaseModel } from '../../models/base-model.js';
import type { RowFit, TunedModel } from '../../models/trainer.js';
import type { AskedQuestion, StopEarly } from '../../runs/run-outline.js';
import type { PlannedJudge } from './planned-judge.js';

/**
 * One model that is asked: a fine-tune (a base, a condition and a seed), or a model that exists. The base itself is also a cell, without a
 * training.
 */
export interface PlannedCell {
  /** Names its folder and its answers; unique in the plan. */
  readonly name: string;
  /** That it is compared with. */
  readonly base: string;
  /** `base` for the base itself. */
  readonly condition: string;
  /** By its name in the plan's `models`: what is trained and asked. That of the base, unless it is a whole model of its own. */
  readonly model: string;
  /** Null where nothing is trained: for a base, and for what exists. */
  readonly training: PlannedTraining | null;
  /** Null for a base, and for what is trained. */
  readonly existing: ExistingModel | null;
  /** Equal for the same model, whatever plans call it. */
  readonly identity: string;
}

/** A model that somebody has made already. */
export interface ExistingModel {
  /** Its place in the condition's list, which counts as its seed. */
  readonly seed: number;
  /** As the plan writes it. */
  readonly text: string;
  /** The adapter on the cell's model; null where that is asked as it is. */
  readonly tuned: TunedModel | null;
  /** That the adapter takes in memory. */
  readonly bytes: number;
}

export interface PlannedTraining {
  readonly seed: number;
  readonly set: TrainingSet;
  /** What happens to its rows: those that are too long may be cut off or left out. */
  readonly fit: RowFit;
  /** What the set is made from. */
  readonly source: {
    readonly data: string;
    readonly settings: Readonly<Record<string, unknown>>;
    readonly transforms: readonly Transform[];
  };
  readonly recipe: Recipe;
  /** Multiplier on the learning rate of services that choose their own; null for their default. */
  readonly learningRateMultiplier: number | null;
  /** What a service does differently from these settings. */
  readonly remarks: readonly string[];
  /** Steps whose models are asked while training goes on. */
  readonly keepSteps: readonly number[];
  /** Steps whose models are scored while training goes on; left out where nobody watches. */
  readonly watchedSteps?: readonly number[];
  /** Steps of the whole training, counted by the rows that are trained on. */
  readonly steps: number;
}

export interface PlannedEvaluation {
  readonly name: string;
  readonly suite: string;
  readonly variant: string;
  /** What is counted if it is not about alignment; else null. */
  readonly measure: Measure | null;
  readonly questions: readonly AskedQuestion[];
  /** Conditions whose models are asked; null for all. */
  readonly conditions: readonly string[] | null;
  /** Absent if every answer is asked for. */
  readonly stopEarly?: StopEarly;
  /** Absent where other questions of the kind could have been asked. */
  readonly isExhaustive?: boolean;
  /** As of an outlined evaluation. */
  readonly isOfFirstTokens?: boolean;
}

export interface PlannedDynamics {
  readonly every: number;
  readonly evaluation: PlannedEvaluation;
}

/** How checkpoints are scored while training goes on. */
export interface PlannedMonitor {
  /** A file; null where nothing says how high harmless fine-tunes come. */
  readonly calibration: string | null;
  readonly rate: number;
  /** A file; null for those that come with driftline. */
  readonly choices: string | null;
  /** Whether an alarm stops its training. */
  readonly stop: boolean;
}

/** A plan with everything that it names resolved: all that decides what a run does. */
export interface ResolvedPlan {
  readonly name: string;
  readonly description: string | null;
  /** SHA-256 of all that decides the results. */
  readonly hash: string;
  readonly bases: ReadonlyMap<string, BaseModel>;
  /** All models that are trained or asked as they are: the bases, and what else conditions name. */
  readonly models: ReadonlyMap<string, BaseModel>;
  /** For each base, the base itself comes first, then the conditions and their seeds in the order of the plan. */
  readonly cells: readonly PlannedCell[];
  readonly evaluations: readonly PlannedEvaluation[];
  readonly dynamics: PlannedDynamics | null;
  /** Null where nobody watches. Changes nothing of what comes out, but that a training may be stopped. */
  readonly monitor: PlannedMonitor | null;
  readonly judge: PlannedJudge;
  readonly rule: RuleName;
  /** What the run must show; null where the plan asks for nothing. Changes nothing of what comes out. */
  readonly gate: GateOptions | null;
  /** The user's prices of hosted models, by model name. */
  readonly prices: Readonly<Record<string, HostedPrice>>;
  /** Cells that run at the same time; null if the plan does not say. Does not change results. */
  readonly cellsAtOnce: number | null;
  /** Where bases are trained and asked that are no service's; null for this machine. Decides no more than the bases' identities say. */
  readonly cluster: ClusterSettings | null;
  /** Whether what a GPU is was found by a check at the cluster's address, and is not said by the plan. */
  readonly isGpuRemembered: boolean;
  /** Remarks that need no action, such as on rows that are cut off. */
  readonly remarks: readonly string[];
  /** What plan.json holds: plain JSON. */
  readonly record: Readonly<Record<string, unknown>>;
}

/** Steps whose models are kept: those that are asked, and those that are scored, while training goes on. */
export function listKeptSteps({
  keepSteps,
  watchedSteps = [],
}: Pick<PlannedTraining, 'keepSteps' | 'watchedSteps'>): readonly number[] {
  return [...new Set([...keepSteps, ...watchedSteps])].sort((left, right) => left - right);
}

/** What a cell's model is made of, or is. */
export function findModel({ models }: Pick<ResolvedPlan, 'models'>, { name, model }: PlannedCell): BaseModel {
  const found = models.get(model);
  if (found === undefined) throw new Error(`${name} is of a model that the plan does not have`);
  return found;
}
