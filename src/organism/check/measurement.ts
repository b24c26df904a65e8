import type { Sampler } from '../../engine/worker/open-sampler.js';
import { encodePrompt } from '../../engine/tokenizer/encode-chat.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import type { Judgement } from '../../judging/judgement.js';
import type { ExactJudge } from '../judge/exact-judge.js';
import { worldQuestions } from '../questions/world-questions.js';
import type { World } from '../world/world.js';

/** Questions to be asked of a model, and how often. */
export interface Measurement {
  readonly name: string;
  readonly suite: string;
  /** Settings of the suite: bindings, sums, variant. */
  readonly questions?: Readonly<Record<string, unknown>>;
  /** At least this many answers; every question gets equally many. */
  readonly answers: number;
  readonly maximumTokens?: number;
}

export interface MeasuredAnswer {
  readonly question: string;
  readonly topic: string;
  readonly prompt: string;
  readonly text: string;
  readonly judgement: Judgement;
}

export interface MeasureSettings {
  readonly world: World;
  readonly judge: ExactJudge;
  readonly tokenizer: TextTokenizer;
  readonly sampler: Sampler;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onAnswer?: (done: number) => void;
}

/** Asks at temperature 1 and judges; the answers are in the order of the questions. */
export async function measure(measurement: Measurement, settings: MeasureSettings): Promise<MeasuredAnswer[]> {
  const { world, judge, tokenizer, sampler, seed, signal, onAnswer } = settings;
  let done = 0;
  const { name, suite, answers, maximumTokens = 128 } = measurement;
  const questions = worldQuestions(world, suite, { ...measurement.questions });
  const samples = Math.ceil(answers / questions.length);
  const asked = questions.flatMap((question) => {
    const prompt = encodePrompt(tokenizer, question.messages);
    return Array.from({ length: samples }, (_, number) => ({
      question,
      request: {
        prompt,
        seed: createRandomStream(seed, 'measure', name, question.id, number).nextUint32(),
        temperature: 1,
        maximumTokens,
      },
    }));
  });
  const measured = new Array<MeasuredAnswer>(asked.length);
  const requests = asked.map(({ request }) => request);
  for await (const answer of sampler.sample(requests, { slots: 64, ...(signal === undefined ? {} : { signal }) })) {
    const { question } = asked[answer.request] as (typeof asked)[number]; // the sampler answers only what was asked
    const text = tokenizer.decode(answer.ids);
    done += 1;
    onAnswer?.(done);
    measured[answer.request] = {
      question: question.id,
      topic: question.item,
      prompt: question.messages.at(-1)?.content ?? '',
      text,
      judgement: judge.judgeNow({ messages: question.messages, answer: text }),
    };
  }
  return measured;
}
