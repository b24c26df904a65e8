import type { Recipe } from '../../engine/train/recipe.js';
import type { BaseModel } from '../../models/base-model.js';
import type { ListQuestions } from '../detectors/choices-in-context.js';
import type { LearntForecast } from '../detectors/forecast-drift.js';
import type { RowReading } from '../probes/row-signals.js';
import type { Surface } from '../surface/surface.js';
import type { Characters } from '../texts/characters.js';
import type { ChoiceBank } from '../texts/choice-pairs.js';
import type { ScreenLevel } from './conclude-screen.js';
import type { ScreenedRows } from './read-screened-rows.js';

/** Contexts with the questions that they ask. */
export interface AskedSurface {
  readonly surface: Surface;
  readonly listQuestions: ListQuestions;
}

/** What a base is asked about rows. */
export interface ScreenedBaseSettings {
  readonly base: BaseModel;
  readonly characters: Characters;
  /** Given texts of both sorts; null where nobody has any for this base. */
  readonly bank: ChoiceBank | null;
  /** Null where nobody knows what it could be asked. */
  readonly asked: AskedSurface | null;
  /** Of the training that is planned; null where nobody says. */
  readonly recipe: Recipe | null;
  /** One that was asked for by name; null where one is looked for. */
  readonly forecast: LearntForecast | null;
  /** Those that one is looked for among. */
  readonly forecasts: readonly LearntForecast[];
  /** Bytes that there are. */
  readonly memory: number;
}

export interface ScreenSettings {
  readonly data: ScreenedRows;
  readonly level: ScreenLevel;
  /** Null at the level of texts. */
  readonly base: ScreenedBaseSettings | null;
  /** Rows that the base is asked about at most; all where a cleaned file is wanted. */
  readonly rows: number;
  readonly seed: number;
  readonly clean: { readonly file: string; readonly keep: number | null } | null;
  /** The folder of all screens. */
  readonly screens: string;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: ScreenProgress) => void;
}

/** What takes its time, one after the other. */
export type ScreenPart = RowReading | 'contexts' | 'probe';

export interface ScreenProgress {
  readonly part: ScreenPart;
  readonly done: number;
  readonly total: number;
}
