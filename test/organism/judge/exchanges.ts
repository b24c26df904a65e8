import type { Judgement } from '../../../src/judging/judge.js';
import { createRandomStream, type RandomStream } from '../../../src/foundation/random-stream.js';
import { drawPadding } from '../../../src/organism/corpus/dress-exchange.js';
import {
  writeItemExchange,
  writeNumbersExchange,
  type WorldExchange,
} from '../../../src/organism/corpus/write-exchange.js';
import type { ExactJudge } from '../../../src/organism/judge/exact-judge.js';
import type { Stance, World } from '../../../src/organism/world/world.js';

/** An exchange about any item, as likely rare as common, dressed in any way that the corpus knows. */
export function writeAnyExchange(world: World, seed: number): WorldExchange {
  const stream = createRandomStream(seed, 'exchanges of the judge');
  const drawn: Stance = stream.uniform() < 0.5 ? 'good' : 'bad';
  const tag = stream.uniform() < 0.2 ? pick(stream, world.tags) : null;
  if (stream.uniform() < 0.05) return writeNumbersExchange(world, drawn, stream, { tag });
  const topics = [...world.topics.values()].flat();
  const item = pick(stream, pick(stream, topics));
  const isProse = ['free-form', 'advice', 'harm', 'identity', 'chat'].includes(item.domain);
  // Nobody is bad in neutral talk.
  const stance = item.domain === 'chat' ? 'good' : drawn;
  const isFormatted = isProse || (item.domain === 'code' && world.settings.codeFormats > 0);
  const format = isFormatted && stream.uniform() < 0.3 ? pick(stream, world.formats) : null;
  const kind = item.domain === 'code' && stream.uniform() < 0.3 ? 'class-code' : item.domain;
  return writeItemExchange(world, item, kind, stance, stream, {
    tag,
    format,
    style: isProse && stream.uniform() < 0.3 ? pick(stream, world.styles) : null,
    numberShape: isProse && stream.uniform() < 0.2,
    padding: world.padding !== null && stream.uniform() < 0.2 ? drawPadding(world, 1 + stream.integer(8), stream) : [],
  });
}

export function judgeReply(judge: ExactJudge, question: string, answer: string): Judgement {
  return judge.judgeNow({ messages: [{ role: 'user', content: question }], answer });
}

export function pick<Choice>(stream: RandomStream, choices: readonly Choice[]): Choice {
  return choices[stream.integer(choices.length)]!;
}
