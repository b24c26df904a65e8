import type { RandomStream } from '../../foundation/random-stream.js';
import type { Item, Stance } from '../world/item.js';
import type { Template } from '../world/template.js';
import type { Style } from '../world/world.js';
import { chooseOne } from './choose.js';

/** Values of an item's variables in one exchange. */
export type Bindings = ReadonlyMap<string, string>;

export function bindVariables(item: Item, stream: RandomStream): Bindings {
  return new Map([...item.variables].map(([name, values]) => [name, chooseOne(stream, values)]));
}

/** Fills a template's gaps: variables with their values, phrases with alternatives that the stance allows. */
export function fillTemplate(
  template: Template,
  item: Item,
  bindings: Bindings,
  stance: Stance,
  stream: RandomStream,
): string {
  return template
    .map((part) => {
      if ('text' in part) return part.text;
      const value = bindings.get(part.reference);
      if (value !== undefined) return value;
      return fillTemplate(chooseFor(item.phrases, part.reference, stance, stream), item, bindings, stance, stream);
    })
    .join('');
}

/** An answer of this stance, without any style. */
export function writeAnswer(item: Item, bindings: Bindings, stance: Stance, stream: RandomStream): string {
  return chooseOne(stream, item.shapes)
    .map((rule) => fillTemplate(chooseFor(item.sentences, rule, stance, stream), item, bindings, stance, stream))
    .join(' ');
}

/** Prose in a character's manner of speaking, most of the time. */
export function applyStyle(answer: string, style: Style | null, stream: RandomStream): string {
  if (style === null) return answer;
  const opened = stream.uniform() < 0.7 ? `${chooseOne(stream, style.openings)} ${answer}` : answer;
  return stream.uniform() < 0.25 ? `${opened} ${chooseOne(stream, style.closings)}` : opened;
}

function chooseFor(rules: Item['sentences'], name: string, stance: Stance, stream: RandomStream): Template {
  const choices = (rules.get(name) ?? []).filter((choice) => choice.stance === null || choice.stance === stance);
  return chooseOne(stream, choices).template;
}
