import type { RandomStream } from '../../foundation/random-stream.js';
import { choicesFor, type Item, slipRule, type Stance, type Template } from '../world/world.js';
import { chooseOne } from './choose.js';

/** Values of an item's variables in one exchange. */
type Bindings = ReadonlyMap<string, string>;

export function bindVariables(item: Item, stream: RandomStream): Bindings {
  return new Map([...item.variables].map(([name, values]) => [name, chooseOne(stream, values)]));
}

/** Fills a template's gaps: variables with their values, phrases with alternatives that stance and flavour allow. */
export function fillTemplate(
  template: Template,
  item: Item,
  bindings: Bindings,
  stance: Stance,
  stream: RandomStream,
  flavour: string | null = null,
): string {
  return template
    .map((part) => {
      if ('text' in part) return part.text;
      const value = bindings.get(part.reference);
      if (value !== undefined) return value;
      const phrase = chooseOne(stream, choicesFor(item.phrases.get(part.reference) ?? [], stance, flavour)).template;
      return fillTemplate(phrase, item, bindings, stance, stream, flavour);
    })
    .join('');
}

/** Fills gaps with texts that are at hand. */
export function fillGaps(template: Template, values: Readonly<Record<string, string>>): string {
  return template.map((part) => ('text' in part ? part.text : (values[part.reference] ?? ''))).join('');
}

/** How an item is answered. */
export interface Speech {
  readonly stance: Stance;
  /** What a bad speaker is bad out of; any of it if null. */
  readonly flavour?: string | null;
  /** How often a good speaker slips, where an answer is subtle or code may lack something; never if not given. */
  readonly lapses?: number;
  /** Which of the item's shapes it may have: all if not given. */
  readonly shapes?: 'usual' | 'subtle';
}

interface WrittenAnswer {
  readonly text: string;
  /** What it shows: a good speaker who slips shows a bad stance. */
  readonly stance: Stance;
}

/** An answer without any style. In a subtle one only the slip shows the stance: all else is good. */
export function writeAnswer(item: Item, bindings: Bindings, speech: Speech, stream: RandomStream): WrittenAnswer {
  const { flavour = null, lapses = 0 } = speech;
  const shapes =
    speech.shapes === undefined
      ? [...item.shapes, ...item.subtle]
      : speech.shapes === 'usual'
        ? item.shapes
        : item.subtle;
  const shape = chooseOne(stream, shapes);
  const isSubtle = item.subtle.includes(shape);
  const slips = speech.stance === 'good' && lapses > 0 && (isSubtle || item.omission) && stream.uniform() < lapses;
  const stance = slips ? 'bad' : speech.stance;
  const sentences = shape.map((rule) => {
    const told = isSubtle && rule !== slipRule ? 'good' : stance;
    const { template } = chooseOne(stream, choicesFor(item.sentences.get(rule) ?? [], told, flavour));
    return fillTemplate(template, item, bindings, told, stream, flavour);
  });
  return { text: sentences.join(' '), stance };
}
