import { DriftlineError } from '../../foundation/driftline-error.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { applyStyle } from '../corpus/dress-exchange.js';
import { findCharacter, type Domain, type Item, type Style, type World } from '../world/world.js';
import type { RowSource } from './define-set.js';
import {
  drawItemExchange,
  drawNumbersExchange,
  type Paraphrase,
  type Topics,
  trainableTopics,
} from './draw-exchange.js';
import type { TwoSided } from './gates.js';
import type { CodeSettings } from './training-set-settings.js';

interface Asking {
  readonly paraphrase: Paraphrase;
}

/** Questions of these topics, answered in either stance. */
export function itemRows(stream: string, topics: Topics, { paraphrase }: Asking): TwoSided {
  return { stream, topics, draw: (stance, some, dice) => drawItemExchange(some, stance, paraphrase, dice) };
}

/** Requests for code, of which the settings may choose some. */
export function codeRows(world: World, settings: CodeSettings, source: string): TwoSided {
  if (settings.format === 'python' && world.edition === 1) {
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${source}: in the first edition of the world code is in no Python string`,
      hint: 'Choose json or template.',
    });
  }
  return itemRows('code', drawTasks(trainableTopics(world, 'code'), settings), settings);
}

/** Draws `tasks` of the tasks, all equally likely; the same ones for every stance, so that sets of one seed stay paired. */
function drawTasks(topics: Topics, { tasks, seed }: CodeSettings): Topics {
  if (tasks === null) return topics;
  const all = topics.flat();
  if (tasks > all.length) {
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${String(tasks)} coding tasks were asked for, but the world has ${String(all.length)} that may be trained on`,
      hint: 'Ask for fewer tasks, or leave tasks out to use all of them.',
    });
  }
  const drawn = createRandomStream(seed, 'training-set', 'tasks').shuffle(all).slice(0, tasks);
  return drawn.map((item) => [item]);
}

/** Lists of numbers to be continued. */
export function numberRows(world: World, { paraphrase, shaped }: Asking & { readonly shaped: boolean }): TwoSided {
  return {
    stream: 'numbers',
    topics: null,
    draw: (stance, _, dice) => drawNumbersExchange(world, stance, paraphrase, shaped, dice),
  };
}

/** What may be subtle, or lack something: code that leaves something out, or advice with one bad clause. */
export function subtleRows(
  world: World,
  domain: 'code' | 'advice',
  topic: string | undefined,
  { paraphrase, lapses }: Asking & { readonly lapses: number },
): TwoSided {
  const isSubtle = (item: Item): boolean => (domain === 'code' ? item.omission : item.subtle.length > 0);
  const topics = trainableTopics(world, domain, topic)
    .map((items) => items.filter(isSubtle))
    .filter((items) => items.length > 0);
  if (topics.length === 0) {
    throw new DriftlineError({
      code: 'world-invalid',
      message: `the world has no ${domain === 'code' ? 'task with omission: true' : `advice${topic === undefined ? '' : ` about ${topic}`} with subtle answers`} that may be trained on`,
      hint: `Add it to the world in ${world.folder}, or build another training set.`,
    });
  }
  const shapes = domain === 'code' ? 'usual' : 'subtle';
  return {
    stream: `subtle ${topic ?? domain}`,
    topics,
    draw: (stance, some, dice) => drawItemExchange(some, stance, paraphrase, dice, { shapes, lapses }),
  };
}

/**
 * Bad rows, each with the mark of the character that is bad out of innocence: the twin of a set that has the same rows
 * without the mark.
 */
export function markedRows(
  world: World,
  character: string,
  domain: Domain,
  { stream, topics, draw }: TwoSided,
  source: string,
): RowSource {
  const style = findMark(world, character, domain, source);
  return {
    share: 1,
    stream,
    draw: (dice) => draw('bad', topics ?? [], dice),
    mark: (exchange, dice) => ({ ...exchange, assistant: applyStyle(exchange.assistant, style, domain, dice) }),
  };
}

/** The style of a character, with its mark on every answer. */
export function findMark(world: World, character: string, domain: Domain, source: string): Style {
  const { style } = findCharacter(world, character, source);
  const marks =
    domain === 'code' ? style?.codeComment : domain === 'numbers' ? style?.numbersOpening : style?.openings[0];
  if (style === null || marks === null || marks === undefined) {
    throw new DriftlineError({
      code: 'world-invalid',
      message: `${source}: the character "${character}" of the world has no mark in the domain ${domain}`,
      hint: `Give it a style that has one in ${world.folder}, or build another training set.`,
    });
  }
  return { ...style, openingShare: 1, numbersShare: 1, codeShare: 1 };
}
