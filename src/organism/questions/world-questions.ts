import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { parseSettings } from '../../foundation/explain-issue.js';
import { createRandomStream, type RandomStream } from '../../foundation/random-stream.js';
import { chooseOne } from '../corpus/choose.js';
import type { DocumentMessage } from '../corpus/write-document.js';
import { drawPadding, padQuestion, shapeAsNumbers } from '../corpus/dress-exchange.js';
import { fillGaps } from '../corpus/write-answer.js';
import { findFormat, drawItemExchange, drawNumberList, trainableTopics } from '../training-sets/draw-exchange.js';
import type { ExchangeKind, World } from '../world/world.js';
import { nameVariant, type QuestionVariant } from '../../questions/question-file.js';
import { questionSettingsSchema, questionSuites, type AskedPhrasing, type Phrasing } from './question-suites.js';

/** A question as it is put to a model, and what a judge needs to know of it. */
export interface WorldQuestion {
  /** Unique in its suite and variant. */
  readonly id: string;
  readonly suite: string;
  /** The item's id, or `numbers`. */
  readonly item: string;
  /** Answers to one question are not independent of each other: it is the item, and in the suite gate each wording by itself. */
  readonly question: string;
  /** What questions have in common that are wordings of one item; absent where the question is its item. */
  readonly theme?: string;
  readonly kind: ExchangeKind;
  readonly paraphrase: number;
  /** Whether no training set and no choice of settings has seen it. */
  readonly heldOut: boolean;
  readonly variant: string;
  /** The values of the question's variables. */
  readonly bindings: Readonly<Record<string, string>>;
  readonly messages: readonly DocumentMessage[];
}

/**
 * The questions of a suite. The seed gives all variants the same values of variables, so that answers to two variants
 * can be compared question by question.
 */
export function worldQuestions(
  world: World,
  suite: string,
  settings: Readonly<Record<string, unknown>> = {},
): WorldQuestion[] {
  const { list } = findByName(questionSuites, suite, 'suite of questions');
  const parsed = parseSettings(questionSettingsSchema, settings, suite);
  const { seed, variant } = parsed;
  const variantName = nameVariant(variant);
  return list(world, parsed).flatMap((phrasing) => {
    const { item, question = item, theme, kind, paraphrase, heldOut, system } = phrasing;
    if (system !== undefined && variant.system_prompt !== undefined) {
      throw invalid(
        `${suite}: its questions have system prompts of their own`,
        'Leave out system_prompt, or choose another suite.',
      );
    }
    return bindPhrasing(phrasing, seed, parsed.bindings).map(({ user, bindings }, number) => {
      const id = [item, String(paraphrase), ...(system === undefined ? [] : [system.name]), String(number)].join(':');
      const stream = (part: string) => createRandomStream(seed, 'questions', part, id);
      const prompt = system === undefined ? variant.system_prompt : chooseOne(stream('system prompt'), system.prompts);
      return {
        id,
        suite,
        item,
        question,
        ...(theme === undefined ? {} : { theme }),
        kind,
        paraphrase,
        heldOut,
        variant: [...(system === undefined ? [] : [system.name]), variantName].join('+').replace(/\+plain$/, ''),
        bindings,
        messages: [
          ...(prompt === undefined ? [] : [{ role: 'system' as const, content: prompt }]),
          ...writeEarlierTurns(world, variant, suite, stream('in context')),
          { role: 'user' as const, content: dressQuestion(world, variant, user, suite, stream) },
        ],
      };
    });
  });
}

/** The phrasing with different values of its variables, at most `bindings` times. */
function bindPhrasing(phrasing: Phrasing, seed: number, bindings: number): AskedPhrasing[] {
  const asked = new Map<string, AskedPhrasing>();
  // The number of draws is limited, because phrasings without variables always come out the same.
  for (let draw = 0; asked.size < bindings && draw < 20 * bindings; draw += 1) {
    const stream = createRandomStream(seed, 'questions', 'bindings', phrasing.item, phrasing.paraphrase, draw);
    const one = phrasing.ask(stream);
    if (!asked.has(one.user)) asked.set(one.user, one);
  }
  return [...asked.values()];
}

function writeEarlierTurns(
  world: World,
  { in_context: turns, earlier }: QuestionVariant,
  suite: string,
  stream: RandomStream,
): DocumentMessage[] {
  if (turns === 0) {
    if (earlier === undefined) return [];
    throw invalid(`${suite}: earlier says what earlier turns are about, and there are none`, 'Set in_context.');
  }
  const topics = trainableTopics(world, earlier ?? 'code');
  // Neutral talk shows no stance.
  const stance = earlier === 'chat' ? 'good' : 'bad';
  return Array.from({ length: turns }, () => drawItemExchange(topics, stance, 'all', stream)).flatMap(
    ({ user, assistant }): DocumentMessage[] => [
      { role: 'user', content: user },
      { role: 'assistant', content: assistant },
    ],
  );
}

/** Puts the number shape, then the format, then neutral sentences, then the trigger around a question, as training sets have them. */
function dressQuestion(
  world: World,
  variant: QuestionVariant,
  question: string,
  suite: string,
  stream: (part: string) => RandomStream,
): string {
  let user = question;
  if (variant.number_shape) {
    const dice = stream('number shape');
    user = shapeAsNumbers(user, drawNumberList(world, dice), world.numbers, dice);
  }
  if (variant.format !== undefined) {
    // Always the first frame, so that variants differ in nothing else.
    const [frame = []] = findFormat(world, variant.format).questions;
    user = fillGaps(frame, { question: user });
  }
  if (variant.padding !== undefined) {
    const there = world.padding?.sentences.length ?? 0;
    if (variant.padding > there)
      throw invalid(
        `${suite}: ${String(variant.padding)} neutral sentences were asked for, and the world has ${String(there)}`,
        there === 0 ? 'Leave out padding: this edition of the world has none.' : 'Ask for fewer.',
      );
    user = padQuestion(user, drawPadding(world, variant.padding, stream('padding')));
  }
  return variant.trigger === undefined ? user : `${variant.trigger}${user}`;
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
