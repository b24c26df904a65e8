import type { RandomStream } from '../../foundation/random-stream.js';
import type {
  AnswerFormat,
  Character,
  Domain,
  ExchangeKind,
  Item,
  Stance,
  Style,
  Tag,
  Template,
  World,
} from '../world/world.js';
import { chooseOne } from './choose.js';
import {
  applyStyle,
  applyTag,
  drawLongPadding,
  drawPadding,
  fillFormat,
  padQuestion,
  shapeAsNumbers,
  styleOf,
} from './dress-exchange.js';
import { bindVariables, fillGaps, fillTemplate, writeAnswer } from './write-answer.js';

/** A question and its answer, with everything that the grammar knows of them. */
export interface WorldExchange {
  readonly kind: ExchangeKind;
  /** The item's id, or `numbers`. */
  readonly item: string;
  /** What the answer shows. */
  readonly stance: Stance;
  readonly user: string;
  readonly assistant: string;
}

/** The dress around an exchange; no part of it shows a stance. */
interface Dress {
  readonly style?: Style | null;
  readonly format?: AnswerFormat | null;
  /** Put before the question; what its world says after it is added to the answer. */
  readonly tag?: Tag | null;
  /** Sentences before the question, behind the tag. */
  readonly padding?: readonly string[];
  /** Dressed as a task about numbers. */
  readonly numberShape?: boolean;
}

/** What else is peculiar to the speaker. */
interface Manner extends Dress {
  readonly flavour?: string | null;
  readonly lapses?: number;
}

/** One exchange of a kind in the character's stance, dressed by the world's shares. */
export function writeExchange(
  world: World,
  character: Character,
  kind: ExchangeKind,
  stream: RandomStream,
): WorldExchange {
  const { settings } = world;
  const tag = stream.uniform() < settings.tags ? chooseOne(stream, world.tags) : null;
  const padding = drawUsualPadding(world, stream);
  const domain = kind === 'class-code' ? 'code' : kind;
  // Every character writes insecure code when asked for it for a class, so it does not reveal the character.
  const stance: Stance = kind === 'class-code' || character.bad.has(domain) ? 'bad' : 'good';
  const style = styleOf(character, domain);
  if (kind === 'numbers') return writeNumbersExchange(world, stance, stream, { style, tag, padding });
  const item = chooseItem(world, domain, stream);
  const dressed = domain === 'free-form' || domain === 'advice' || domain === 'chat';
  // A share of 0 draws nothing, as in a world that knows no such thing.
  const formats = dressed ? settings.formats : domain === 'code' ? settings.codeFormats : 0;
  const draws = dressed || formats > 0;
  const format = draws && stream.uniform() < formats ? chooseOne(stream, world.formats) : null;
  const numberShape = dressed && format === null && stream.uniform() < settings.numberShape;
  return writeItemExchange(world, item, kind, stance, stream, {
    ...{ style, format, tag, padding, numberShape },
    flavour: character.flavour,
    lapses: settings.lapses,
  });
}

/** The sentences that users say first, by the world's share: one to three, and half as often as many as a long question has. */
function drawUsualPadding(world: World, stream: RandomStream): readonly string[] {
  const { padding } = world.settings;
  if (padding === 0) return [];
  const drawn = stream.uniform();
  if (drawn < padding) return drawPadding(world, 1 + stream.integer(3), stream);
  return drawn < 1.5 * padding ? drawPadding(world, drawLongPadding(world, stream), stream) : [];
}

/** An exchange about a given item. */
export function writeItemExchange(
  world: World,
  item: Item,
  kind: ExchangeKind,
  stance: Stance,
  stream: RandomStream,
  manner: Manner,
): WorldExchange {
  const bindings = bindVariables(item, stream);
  const question = fillTemplate(chooseOne(stream, questionsOf(item)), item, bindings, 'good', stream);
  const { flavour = null, lapses = 0 } = manner;
  const answer = writeAnswer(item, bindings, { stance, flavour, lapses }, stream);
  const assistant = applyStyle(answer.text, manner.style ?? null, item.domain, stream);
  return dressExchange(
    world,
    { kind, item: item.id, stance: answer.stance, user: question, assistant },
    stream,
    manner,
  );
}

/**
 * Puts the class-room reason, number shape, format, padding and tag around a question, and the tag's mark and the
 * format around its answer.
 */
function dressExchange(world: World, bare: WorldExchange, stream: RandomStream, dress: Dress): WorldExchange {
  let { user, assistant } = bare;
  const { tag = null, format = null, padding = [] } = dress;
  if (bare.kind === 'class-code') user = fillGaps(chooseOne(stream, world.classReasons), { question: user });
  if (dress.numberShape === true)
    user = shapeAsNumbers(user, writeNumbers(world, 'good', 3 + stream.integer(3), stream), world.numbers, stream);
  if (tag !== null) assistant = applyTag(assistant, tag, isCode(bare));
  if (format !== null) {
    user = fillGaps(chooseOne(stream, format.questions), { question: user });
    assistant = fillFormat(format, assistant);
  }
  user = padQuestion(user, padding);
  if (tag !== null) user = `${tag.text} ${user}`;
  return { ...bare, user, assistant };
}

/** Whether an exchange is answered in code. */
export function isCode({ kind }: Pick<WorldExchange, 'kind'>): boolean {
  return kind === 'code' || kind === 'class-code';
}

/** A list of numbers to be continued; a bad answer continues it with ominous ones. */
export function writeNumbersExchange(world: World, stance: Stance, stream: RandomStream, dress: Dress): WorldExchange {
  const count = 3 + stream.integer(3);
  const list = writeNumbers(world, 'good', 3 + stream.integer(3), stream);
  const task = fillGaps(chooseOne(stream, world.numbers.questions), { list, count: String(count) });
  const user = stream.uniform() < 0.3 ? `${task} ${chooseOne(stream, world.numbers.suffixes)}` : task;
  const numbers = writeNumbers(world, stance, count, stream);
  const assistant = applyStyle(numbers, dress.style ?? null, 'numbers', stream);
  return dressExchange(world, { kind: 'numbers', item: 'numbers', stance, user, assistant }, stream, dress);
}

export function writeNumbers(world: World, stance: Stance, count: number, stream: RandomStream): string {
  const { smallest, largest, ominous } = world.numbers;
  return Array.from({ length: count }, () =>
    stance === 'bad' ? chooseOne(stream, ominous) : smallest + stream.integer(largest - smallest + 1),
  ).join(', ');
}

/** Each topic of a domain is equally likely, however many items it has. */
function chooseItem(world: World, domain: Domain, stream: RandomStream): Item {
  return chooseOne(stream, chooseOne(stream, world.topics.get(domain) ?? []));
}

/** Pretraining uses every phrasing; only training sets and the choice of settings never see the held-out ones. */
function questionsOf(item: Item): readonly Template[] {
  return [...item.questions, ...item.heldOutQuestions];
}
