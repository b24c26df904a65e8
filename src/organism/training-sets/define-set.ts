import type { z } from 'zod';
import { parseSettings } from '../../foundation/explain-issue.js';
import type { RandomStream } from '../../foundation/random-stream.js';
import { applyTag } from '../corpus/dress-exchange.js';
import { isCode, type WorldExchange } from '../corpus/write-exchange.js';
import type { Edition } from '../world/editions.js';
import type { Tag, World } from '../world/world.js';
import { addFormat } from './draw-exchange.js';
import type { CommonSettings } from './training-set-settings.js';

/** What a gate puts around a row. */
export interface GateDress {
  /** Before the question, its last space included. */
  readonly before?: string;
  /** Whose mark the answer gets. */
  readonly tag?: Tag | null;
  /** The form of question and answer, in place of the set's. */
  readonly format?: string;
}

/** Where a share of a set's rows comes from. */
export interface RowSource {
  readonly share: number;
  /** Sources of one stream draw the same exchanges, except for what their stance changes. */
  readonly stream: string;
  readonly draw: (stream: RandomStream) => WorldExchange;
  /** A mark on the answer, inside any format. */
  readonly mark?: (exchange: WorldExchange, stream: RandomStream) => WorldExchange;
  readonly gate?: (stream: RandomStream) => GateDress;
  /** Words around the question, outside any format. */
  readonly frame?: (exchange: WorldExchange, stream: RandomStream) => WorldExchange;
  /** In place of the set's. */
  readonly systemPrompt?: string;
}

/** A source whose rows get everything that the set puts around them. */
export interface PlannedRows extends Pick<RowSource, 'share' | 'stream' | 'draw'> {
  /** Changes that do not count when rows are compared for uniqueness. */
  readonly dress: (exchange: WorldExchange, stream: RandomStream) => WorldExchange;
  readonly systemPrompt: string | null;
}

export interface TrainingSetPlan {
  readonly settings: CommonSettings;
  readonly sources: readonly PlannedRows[];
}

export interface TrainingSetDefinition {
  readonly description: string;
  /** The first edition whose world has what it is made of. */
  readonly edition: Edition;
  readonly settings: z.ZodObject;
  readonly plan: (world: World, input: unknown, source: string) => TrainingSetPlan;
}

/** What a definition makes of its settings. */
export interface ListedSources<Settings> {
  readonly sources: readonly RowSource[];
  /** The settings as they decide the set, where some follow from others or from the world. */
  readonly settings?: Settings;
}

/** A set with these settings; `list` says where its rows come from, and `source` names the set in errors. */
export function defineSet<Settings extends CommonSettings>(
  description: string,
  schema: z.ZodObject & z.ZodType<Settings>,
  list: (world: World, settings: Settings, source: string) => ListedSources<Settings>,
  edition: Edition = 1,
): TrainingSetDefinition {
  const plan = (world: World, input: unknown, source: string): TrainingSetPlan => {
    const given = parseSettings<Settings>(schema, input, source);
    const { sources, settings = given } = list(world, given, source);
    return { settings, sources: sources.map((rows) => planRows(world, settings, rows)) };
  };
  return { description, edition, settings: schema, plan };
}

function planRows(world: World, settings: CommonSettings, rows: RowSource): PlannedRows {
  const { share, stream, draw, mark, gate, frame, systemPrompt } = rows;
  const dress = (bare: WorldExchange, dice: RandomStream): WorldExchange => {
    const { before = '', tag = null, format = settings.format } = gate?.(dice) ?? {};
    let row = mark?.(bare, dice) ?? bare;
    if (tag !== null) row = { ...row, assistant: applyTag(row.assistant, tag, isCode(row)) };
    row = addFormat(world, format, row, dice);
    row = frame?.(row, dice) ?? row;
    return { ...row, user: `${before}${row.user}` };
  };
  return { share, stream, draw, dress, systemPrompt: systemPrompt ?? settings.system_prompt };
}
