import type { EngineSampler } from '../../engine/worker/open-sampler.js';
import { encodePrompt } from '../../engine/tokenizer/encode-chat.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import type { Judgement } from '../../judging/judgement.js';
import type { ExactJudge } from '../judge/exact-judge.js';
import { worldQuestions, type WorldQuestion } from '../questions/world-questions.js';
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

/** One question of a measurement, to be asked for the `number`th time. */
export interface PlannedAnswer {
  readonly question: WorldQuestion;
  readonly number: number;
}

/** Every question equally often, in the order of the suite. */
export function planAnswers({ suite, questions: settings, answers }: Measurement, world: World): PlannedAnswer[] {
  const questions = worldQuestions(world, suite, settings);
  const samples = Math.ceil(answers / questions.length);
  return questions.flatMap((question) => Array.from({ length: samples }, (_, number) => ({ question, number })));
}

export interface MeasureSettings {
  readonly judge: ExactJudge;
  readonly tokenizer: TextTokenizer;
  readonly sampler: EngineSampler;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onAnswer?: (done: number) => void;
}

/** Asks at temperature 1 and judges; the answers are in the order of the plan. */
export async function measure(
  { name, maximumTokens = 128 }: Measurement,
  plan: readonly PlannedAnswer[],
  settings: MeasureSettings,
): Promise<MeasuredAnswer[]> {
  const { judge, tokenizer, sampler, seed, signal, onAnswer } = settings;
  const requests = plan.map(({ question, number }) => ({
    prompt: encodePrompt(tokenizer, question.messages),
    seed: createRandomStream(seed, 'measure', name, question.id, number).nextUint32(),
    temperature: 1,
    maximumTokens,
  }));
  const measured = new Array<MeasuredAnswer>(plan.length);
  let done = 0;
  for await (const answer of sampler.sample(requests, { slots: 64, ...(signal === undefined ? {} : { signal }) })) {
    const { question } = plan[answer.request] as PlannedAnswer; // the sampler answers only what was asked
    const text = tokenizer.decode(answer.ids);
    measured[answer.request] = {
      question: question.id,
      topic: question.item,
      prompt: question.messages.at(-1)?.content ?? '',
      text,
      judgement: judge.judgeNow({ messages: question.messages, answer: text }),
    };
    done += 1;
    onAnswer?.(done);
  }
  return measured;
}
