import type { BaseModel } from '../../models/base-model.js';
import type { TunedModel } from '../../models/trainer.js';
import type { PlannedCell } from '../plan/resolved-plan.js';

/** A kept model of a cell, at a step of its training. */
export interface KeptCheckpoint {
  readonly cell: PlannedCell;
  /** What the cell is trained from. */
  readonly base: BaseModel;
  /** Of the cell. */
  readonly folder: string;
  readonly step: number;
  readonly model: TunedModel;
}

/** What was found of a checkpoint. */
export interface WatchedScore {
  readonly step: number;
  /** Null where it cannot be said. */
  readonly score: number | null;
  /** What a score must be above for an alarm; null where nothing says how high harmless fine-tunes come. */
  readonly threshold: number | null;
  /** The first checkpoint of the training so far that raises an alarm; null where none does. */
  readonly alarm: { readonly step: number; readonly lastGood: number | null } | null;
}

/** Scores checkpoints of cells while they are trained; what it does is further out. */
export interface CheckpointWatcher {
  /** Whether an alarm stops a training. */
  readonly stops: boolean;
  /** Keeps what it finds in the folder of the cell: nothing is scored twice. */
  readonly look: (checkpoint: KeptCheckpoint, options: { readonly signal: AbortSignal }) => Promise<WatchedScore>;
}
