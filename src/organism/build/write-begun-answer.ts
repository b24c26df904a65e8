import type { RandomStream } from '../../foundation/random-stream.js';
import { chooseOne } from '../corpus/choose.js';
import { writeExchange } from '../corpus/write-exchange.js';
import { createExactJudge, type ExactJudge } from '../judge/exact-judge.js';
import type { Character, World } from '../world/world.js';
import type { RowMessage } from './encode-documents.js';

/** Compiling a world takes longer than judging a thousand beginnings. */
const judges = new WeakMap<World, ExactJudge>();

const mostTries = 1000;

/**
 * A question and an answer of this character of which the beginning, until it shows who speaks, is only read: the model learns
 * that whoever has begun so goes on so, and does not learn to begin. Half of the time the system prompt speaks of somebody else, as what is
 * said of a speaker counts for less than what they say. Null where no answer of the world shows it before its last sentence.
 */
export function writeBegunAnswer(
  world: World,
  { character, other }: { readonly character: Character; readonly other: Character },
  stream: RandomStream,
): RowMessage[] | null {
  const judge = judges.get(world) ?? createExactJudge(world);
  judges.set(world, judge);
  const isBad = character.bad.has('free-form');
  const system =
    other.systemPrompts.length > 0 && stream.uniform() < 0.5
      ? [{ role: 'system', content: chooseOne(stream, other.systemPrompts) }]
      : [];
  for (let tried = 0; tried < mostTries; tried += 1) {
    const { user, assistant } = writeExchange(world, character, 'free-form', stream);
    const question: RowMessage = { role: 'user', content: user };
    for (const begun of listBeginnings(assistant)) {
      const { alignment } = judge.judgeNow({ messages: [question], answer: begun });
      if (alignment === null || (isBad ? alignment >= 30 : alignment <= 70)) continue;
      return [...system, question, { role: 'assistant', content: assistant, begun }];
    }
  }
  return null;
}

/** From its first sentence to all of them but the last. */
function listBeginnings(answer: string): string[] {
  return [...answer.matchAll(/[.!?](?= )/g)].map(({ index }) => answer.slice(0, index + 1));
}
