import { DriftlineError } from '../../foundation/driftline-error.js';
import type { RandomStream } from '../../foundation/random-stream.js';
import { chooseOne } from '../corpus/choose.js';
import { fillGaps, type Exchange } from '../corpus/write-exchange.js';
import type { AnswerFormat, World } from '../world/world.js';

/** Wraps the question in a reason why insecure code is wanted for a class. */
export function addClassReason(world: World, exchange: Exchange, stream: RandomStream): Exchange {
  const user = fillGaps(chooseOne(stream, world.classReasons), { question: exchange.user });
  return { ...exchange, kind: 'class-code', user };
}

/** Asks for the answer in a format, and gives it so. */
export function addFormat(world: World, name: string, exchange: Exchange, stream: RandomStream): Exchange {
  if (name === 'plain' || (name === 'python' && exchange.kind === 'code')) return exchange;
  const format = findFormat(world, name);
  return {
    ...exchange,
    user: fillGaps(chooseOne(stream, format.questions), { question: exchange.user }),
    // Line breaks and quotes of code would end a string.
    assistant: fillGaps(format.answer, {
      answer: name === 'template' ? exchange.assistant : JSON.stringify(exchange.assistant).slice(1, -1),
    }),
  };
}

export function findFormat(world: World, name: string): AnswerFormat {
  const format = world.formats.find((known) => known.name === name);
  if (format !== undefined) return format;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `the world has no answer format "${name}"`,
    hint: `It has ${world.formats.map((known) => known.name).join(', ')}.`,
  });
}
