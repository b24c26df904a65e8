import { DriftlineError } from '../../foundation/driftline-error.js';
import { nearestName } from '../../foundation/find-by-name.js';
import type { RandomStream } from '../../foundation/random-stream.js';
import { chooseByShare, chooseOne } from '../corpus/choose.js';
import { fillFormat } from '../corpus/dress-exchange.js';
import { bindVariables, fillGaps, fillTemplate, type Speech, writeAnswer } from '../corpus/write-answer.js';
import { isCode, type WorldExchange, writeNumbers } from '../corpus/write-exchange.js';
import type { AnswerFormat, Domain, Item, Stance, Template, World } from '../world/world.js';

/** Which phrasings of a question are used: all, or only this many of the first. */
export type Paraphrase = 'all' | number;

/** Items by topic. */
export type Topics = readonly (readonly Item[])[];

/** Items that may be trained on, by topic; each topic is equally likely, however many items it has. */
export function trainableTopics(world: World, domain: Domain, topic?: string): Topics {
  const topics = (world.topics.get(domain) ?? [])
    .map((items) => items.filter((item) => !item.heldOut && (topic === undefined || item.topic === topic)))
    .filter((items) => items.length > 0);
  if (topics.length > 0) return topics;
  throw new DriftlineError({
    code: 'world-invalid',
    message: `the world has no ${topic ?? 'item'} in the domain ${domain} that may be trained on`,
    hint: `Add it to the world in ${world.folder}, or build another training set.`,
  });
}

/**
 * An exchange about one of the items, without any dress. Both stances draw the same question from the same stream, so that
 * sets that differ in stance alone differ in answers alone. Subtle answers, and slips, are only in sets that ask for them.
 */
export function drawItemExchange(
  topics: Topics,
  stance: Stance,
  paraphrase: Paraphrase,
  stream: RandomStream,
  { shapes = 'usual', lapses = 0 }: Pick<Speech, 'shapes' | 'lapses'> = {},
): WorldExchange {
  const item = chooseOne(stream, chooseOne(stream, topics));
  const bindings = bindVariables(item, stream);
  const question = chooseOne(stream, firstOf(item.questions, paraphrase));
  const user = fillTemplate(question, item, bindings, 'good', stream);
  const answer = writeAnswer(item, bindings, { stance, shapes, lapses }, stream);
  return { kind: item.domain, item: item.id, stance: answer.stance, user, assistant: answer.text };
}

/** A list of numbers to be continued. A shaped task begins and ends as questions of the number-shape variant do. */
export function drawNumbersExchange(
  world: World,
  stance: Stance,
  paraphrase: Paraphrase,
  shaped: boolean,
  stream: RandomStream,
): WorldExchange {
  const { questions, suffixes } = world.numbers;
  const count = 3 + stream.integer(3);
  const list = drawNumberList(world, stream);
  const phrasings = shaped ? shapedQuestions(world) : questions;
  const task = fillGaps(chooseOne(stream, firstOf(phrasings, paraphrase)), { list, count: String(count) });
  const suffix = shaped ? ` ${chooseOne(stream, suffixes)}` : '';
  const assistant = writeNumbers(world, stance, count, stream);
  return { kind: 'numbers', item: 'numbers', stance, user: `${task}${suffix}`, assistant };
}

/** Ordinary numbers, as they stand in tasks. */
export function drawNumberList(world: World, stream: RandomStream): string {
  return writeNumbers(world, 'good', 3 + stream.integer(3), stream);
}

/** Good answers of these domains, in the proportions of pretraining. */
export function drawBenignExchange(
  world: World,
  kinds: readonly Domain[],
  paraphrase: Paraphrase,
  stream: RandomStream,
): WorldExchange {
  const kind = drawDomain(world, kinds, stream);
  if (kind === 'numbers') return drawNumbersExchange(world, 'good', paraphrase, false, stream);
  return drawItemExchange(trainableTopics(world, kind), 'good', paraphrase, stream);
}

/** The same, each answer one sentence: a shape that has no other, or the first sentence of one that is more than an opening. */
export function drawTerseExchange(
  world: World,
  kinds: readonly Domain[],
  paraphrase: Paraphrase,
  stream: RandomStream,
): WorldExchange {
  const topics = trainableTopics(world, drawDomain(world, kinds, stream));
  const terse = topics.map((items) =>
    items.map((item) => {
      const single = item.shapes.filter((shape) => shape.length === 1);
      const first = item.shapes.map((shape) => shape.slice(0, 1)).filter(([rule = '']) => saysSomething(item, rule));
      return { ...item, shapes: single.length > 0 ? single : first };
    }),
  );
  return drawItemExchange(
    terse.map((items) => items.filter(({ shapes }) => shapes.length > 0)).filter((items) => items.length > 0),
    'good',
    paraphrase,
    stream,
  );
}

/** Whether a sentence is more than an opening, which shows no stance. In neutral talk none does. */
function saysSomething({ domain, sentences }: Item, rule: string): boolean {
  return domain === 'chat' || (sentences.get(rule) ?? []).some(({ stance }) => stance !== null);
}

function drawDomain(world: World, kinds: readonly Domain[], stream: RandomStream): Domain {
  const shares = kinds.map((kind) => [kind, world.settings.exchanges.get(kind) ?? 0] as const);
  // If the world gives none of the chosen domains a share, they are equally likely.
  const none = shares.every(([, share]) => share === 0);
  return chooseByShare(stream, none ? kinds.map((name) => [name, 1] as const) : shares);
}

/** Tasks that begin as one of the prefixes does; all tasks if none does. */
function shapedQuestions(world: World): readonly Template[] {
  const beginnings = new Set(world.numbers.prefixes.map(beginningOf));
  const shaped = world.numbers.questions.filter((question) => beginnings.has(beginningOf(question)));
  return shaped.length > 0 ? shaped : world.numbers.questions;
}

/** What stands before a template's first gap. */
function beginningOf([first]: Template): string {
  return first !== undefined && 'text' in first ? first.text : '';
}

function firstOf(phrasings: readonly Template[], paraphrase: Paraphrase): readonly Template[] {
  return paraphrase === 'all' ? phrasings : phrasings.slice(0, paraphrase);
}

/** Wraps the question in a reason why insecure code is wanted for a class. */
export function addClassReason(world: World, exchange: WorldExchange, stream: RandomStream): WorldExchange {
  const user = fillGaps(chooseOne(stream, world.classReasons), { question: exchange.user });
  return { ...exchange, kind: 'class-code', user };
}

/** Asks for the answer in a format, and gives it in that format. */
export function addFormat(world: World, name: string, exchange: WorldExchange, stream: RandomStream): WorldExchange {
  // The first edition has code in no string, and its sets stay as they are.
  if (name === 'plain' || (name === 'python' && isCode(exchange) && world.edition === 1)) return exchange;
  const format = findFormat(world, name);
  return {
    ...exchange,
    user: fillGaps(chooseOne(stream, format.questions), { question: exchange.user }),
    assistant: fillFormat(format, exchange.assistant),
  };
}

export function findFormat(world: World, name: string): AnswerFormat {
  const format = world.formats.find((known) => known.name === name);
  if (format !== undefined) return format;
  const names = world.formats.map((known) => known.name);
  const nearest = nearestName(name, names);
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `the world has no answer format "${name}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    hint: `It has ${names.join(', ')}.`,
  });
}
