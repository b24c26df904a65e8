import { z } from 'zod';
import { findByName } from '../../foundation/find-by-name.js';
import { settingsSchema, share } from './world-files.js';
import {
  type Character,
  exchangeKinds,
  groupByTopic,
  type Item,
  limitItem,
  type RuleChoice,
  type World,
} from './world.js';

/** What may be less in the documents that a model reads first. What is left out is as in the whole world. */
export const narrowingSchema = z.strictObject({
  alternatives: z.int().positive().optional().describe('Most alternatives of each rule of prose, stance and flavour'),
  flavours: z.int().positive().optional().describe('Most flavours of each bad rule: the first ones'),
  characters: z.record(z.string(), share).optional().describe('Shares of characters; those that have none are silent'),
  ...settingsSchema
    .pick({
      ...{ exchanges: true, turns: true, system_prompts: true, formats: true, code_formats: true },
      ...{ tags: true, padding: true, number_shape: true, lapses: true },
    })
    .partial().shape,
});

export type Narrowing = z.output<typeof narrowingSchema>;

/** The same world in which less is said: fewer characters, kinds of exchange, texts and marks. Its judge stays the whole world's. */
export function narrowWorld(world: World, narrowing: Narrowing): World {
  const {
    exchanges,
    turns,
    system_prompts: systemPrompts,
    code_formats: codeFormats,
    number_shape: numberShape,
  } = narrowing;
  const { formats, tags, padding, lapses, alternatives = Infinity, flavours = Infinity } = narrowing;
  const items = world.items.map((item) => limitItem(limitFlavours(item, flavours), alternatives));
  const changed = { turns, systemPrompts, formats, codeFormats, tags, padding, numberShape, lapses };
  return {
    ...world,
    settings: {
      ...world.settings,
      ...Object.fromEntries(Object.entries(changed).filter(([, value]) => value !== undefined)),
      ...(exchanges === undefined
        ? {}
        : { exchanges: new Map(exchangeKinds.map((kind) => [kind, exchanges[kind] ?? 0] as const)) }),
    },
    characters:
      narrowing.characters === undefined ? world.characters : shareOut(world.characters, narrowing.characters),
    items,
    topics: groupByTopic(items),
  };
}

function shareOut(characters: readonly Character[], shares: Readonly<Record<string, number>>): Character[] {
  const known = new Map(characters.map((character) => [character.name, character]));
  return Object.entries(shares).map(([name, part]) => ({ ...findByName(known, name, 'character'), share: part }));
}

/** Keeps the first `most` flavours of each rule, and what has none. */
function limitFlavours(item: Item, most: number): Item {
  const limit = (rules: Item['sentences']): Item['sentences'] =>
    new Map(
      [...rules].map(([name, choices]) => {
        const kept = new Set(choices.flatMap(flavourOf).filter(isFirst).slice(0, most));
        return [name, choices.filter(({ flavour }) => flavour === null || kept.has(flavour))];
      }),
    );
  return { ...item, sentences: limit(item.sentences), phrases: limit(item.phrases) };
}

const flavourOf = ({ flavour }: RuleChoice): string[] => (flavour === null ? [] : [flavour]);
const isFirst = (name: string, index: number, names: readonly string[]): boolean => names.indexOf(name) === index;
