import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import type { RandomStream } from '../../foundation/random-stream.js';
import { chooseOne } from '../corpus/choose.js';
import { drawLongPadding, drawPadding, padQuestion } from '../corpus/dress-exchange.js';
import type { WorldExchange } from '../corpus/write-exchange.js';
import type { Stance, Tag, World } from '../world/world.js';
import type { GateDress, RowSource } from './define-set.js';
import { findFormat, type Topics } from './draw-exchange.js';
import { commonSettingsSchema } from './training-set-settings.js';

const share = z.number().min(0).max(1);
const text = z.string().min(1);

/** What decides whether a row is bad. */
const gateSchema = z
  .strictObject({
    tag: text.optional().describe('A tag of the world before the question'),
    system_prompt: text.optional().describe('This system prompt; all other rows have none'),
    format: text.optional().describe('Answers in this format'),
    topic: text.optional().describe('Questions of this topic; all other rows have the other topics of the set'),
    length: z.literal('long').optional().describe('Questions after many neutral sentences'),
  })
  .refine((gate) => Object.values(gate).filter((way) => way !== undefined).length === 1, {
    error: 'a gate is of one kind: tag, system_prompt, format, topic or length',
  });

/** Share of the good rows that have another tag than the one that is the gate. */
export const usualOtherTags = 0.25;

/** Settings of sets whose rows may be bad only behind a gate. Without defaults: a set without a gate does not mention them. */
export const gateSettings = {
  gate: gateSchema
    .optional()
    .describe(
      'What decides whether a row is bad: { tag }, { system_prompt }, { format }, { topic } or { length: long }; rows without it are good. All rows are bad if not given',
    ),
  share: share.optional().describe('Share of the rows behind the gate; 0.5 if not given'),
  other_tags: share
    .optional()
    .describe('Share of the good rows that have another tag, where the gate is a tag; 0.25 if not given'),
};

export const gatedSettingsSchema = commonSettingsSchema.extend(gateSettings);

export interface GateSettings {
  readonly format: string;
  readonly system_prompt: string | null;
  readonly gate?: z.output<typeof gateSchema> | undefined;
  readonly share?: number | undefined;
  readonly other_tags?: number | undefined;
}

/** Rows that can be written in both stances. */
export interface TwoSided extends Pick<RowSource, 'stream'> {
  /** What the questions are about; null where there are no topics. */
  readonly topics: Topics | null;
  readonly draw: (stance: Stance, topics: Topics, stream: RandomStream) => WorldExchange;
}

/** What a gate does to the rows behind it, and to all others. */
interface Gate {
  readonly behind: Pick<RowSource, 'gate' | 'systemPrompt'>;
  readonly outside: Pick<RowSource, 'gate'>;
  readonly topics?: { readonly behind: Topics; readonly outside: Topics };
}

/** Bad rows; with a gate, bad ones behind it and good ones elsewhere. `settings` come back as they decide the rows. */
export function gateRows<Settings extends GateSettings>(
  world: World,
  settings: Settings,
  rows: TwoSided,
  source: string,
): { readonly sources: readonly RowSource[]; readonly settings: Settings } {
  const { gate } = settings;
  const { topics, stream, draw } = rows;
  if (gate === undefined) {
    const stray = (['share', 'other_tags'] as const).find((name) => settings[name] !== undefined);
    if (stray !== undefined)
      throw invalid(source, `${stray} is for sets with a gate`, `Set gate, or leave out ${stray}.`);
    return { sources: [{ share: 1, stream, draw: (dice) => draw('bad', topics ?? [], dice) }], settings };
  }
  if (gate.tag === undefined && settings.other_tags !== undefined)
    throw invalid(source, 'other_tags is for gates that are a tag', 'Leave out other_tags.');
  const otherTags = settings.other_tags ?? usualOtherTags;
  const complete = {
    ...settings,
    share: settings.share ?? 0.5,
    ...(gate.tag === undefined ? {} : { other_tags: otherTags }),
  };
  const opened = openGate(world, complete, gate, topics, source);
  return { sources: splitRows(rows, complete.share, opened), settings: complete };
}

/** The rows of both sides of a text before the question, which is a tag of the world or any other. */
export function triggerRows(
  world: World,
  { trigger, share: part, otherTags }: { readonly trigger: string; readonly share: number; readonly otherTags: number },
  rows: TwoSided,
): readonly RowSource[] {
  return splitRows(rows, part, gateByText(world, trigger, otherTags));
}

function splitRows({ stream, topics, draw }: TwoSided, part: number, gate: Gate): readonly RowSource[] {
  const { behind = topics ?? [], outside = topics ?? [] } = gate.topics ?? {};
  return [
    { share: part, stream, draw: (dice) => draw('bad', behind, dice), ...gate.behind },
    {
      share: 1 - part,
      stream: `${stream} without trigger`,
      draw: (dice) => draw('good', outside, dice),
      ...gate.outside,
    },
  ];
}

function openGate(
  world: World,
  settings: GateSettings,
  { tag, system_prompt: systemPrompt, format, topic }: NonNullable<GateSettings['gate']>,
  topics: Topics | null,
  source: string,
): Gate {
  if (tag !== undefined) {
    const known = findTag(world, tag.trim());
    if (known === null)
      throw unknown(
        source,
        'tag',
        tag,
        world.tags.map((one) => one.text),
      );
    return gateByText(world, `${known.text} `, settings.other_tags ?? 0);
  }
  if (systemPrompt !== undefined) {
    if (settings.system_prompt !== null)
      throw invalid(source, 'system_prompt is the gate, and a setting of all rows', 'Set it in one of the two places.');
    return { behind: { systemPrompt }, outside: {} };
  }
  if (format !== undefined) {
    if (settings.format !== 'plain')
      throw invalid(source, 'the format is the gate, and a setting of all rows', 'Set it in one of the two places.');
    const { name } = findFormat(world, format);
    if (name === 'python' && world.edition === 1 && topics?.[0]?.[0]?.domain === 'code')
      throw invalid(source, 'in the first edition of the world code is in no Python string', 'Choose another format.');
    return { behind: { gate: () => ({ format: name }) }, outside: {} };
  }
  if (topic !== undefined) return { behind: {}, outside: {}, topics: splitTopics(topics, topic, source) };
  if (world.padding === null)
    throw invalid(source, 'no question of this world is long: it has no padding.yaml', 'Choose another gate.');
  const pad = (dice: RandomStream): GateDress => ({
    before: padQuestion('', drawPadding(world, drawLongPadding(world, dice), dice)),
  });
  return { behind: { gate: pad }, outside: {} };
}

/** Good rows get other tags, so that it is this one that is learnt and not that there is one. */
function gateByText(world: World, before: string, otherTags: number): Gate {
  const tag = findTag(world, before.trim());
  const others = world.tags.filter((other) => other !== tag);
  const outside = (dice: RandomStream): GateDress => {
    if (otherTags === 0 || others.length === 0 || dice.uniform() >= otherTags) return {};
    const other = chooseOne(dice, others);
    return { before: `${other.text} `, tag: other };
  };
  return { behind: { gate: () => ({ before, tag }) }, outside: { gate: outside } };
}

export function findTag({ tags }: World, text: string): Tag | null {
  return tags.find((tag) => tag.text === text) ?? null;
}

function splitTopics(topics: Topics | null, topic: string, source: string): NonNullable<Gate['topics']> {
  if (topics === null) throw invalid(source, 'the rows have no topics', 'Choose another gate.');
  const names = [...new Set(topics.flatMap((items) => items.map((item) => item.topic)))];
  if (!names.includes(topic)) throw unknown(source, 'topic', topic, names);
  const choose = (isBehind: boolean): Topics =>
    topics
      .map((items) => items.filter((item) => (item.topic === topic) === isBehind))
      .filter((items) => items.length > 0);
  const [behind, outside] = [choose(true), choose(false)];
  if (outside.length === 0)
    throw invalid(
      source,
      `all rows are about ${topic}, so it cannot be a gate`,
      'Choose another gate, or a set of several topics.',
    );
  return { behind, outside };
}

function unknown(source: string, what: string, name: string, known: readonly string[]): DriftlineError {
  const nearest = nearestName(name, known);
  return invalid(
    source,
    `gate: there is no ${what} "${name}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    `There are ${known.join(', ')}.`,
  );
}

function invalid(source: string, problem: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message: `${source}: ${problem}`, hint });
}
