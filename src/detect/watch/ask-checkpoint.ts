import { createRandomStream } from '../../foundation/random-stream.js';
import { isReadByFirstToken } from '../../questions/question-file.js';
import type { AskedQuestion } from '../../runs/run-outline.js';
import { adjustEValues } from '../../stats/adjust-e-values.js';
import { driftEProcess } from '../../stats/drift-sequence.js';
import type { ShareCounts } from '../../stats/share-counts.js';
import type { ListQuestions } from '../detectors/choices-in-context.js';
import type { ContextQuestion, SeenAnswer, Subject, SubjectModel } from '../subject.js';
import type { ContextAnswers } from './checkpoint-record.js';

export interface AskedNumbers {
  /** Answers of a checkpoint in each context. */
  readonly answers: number;
  /** Of the base, once. */
  readonly baseAnswers: number;
  /** Of the wordings that are drawn. */
  readonly seed: number;
}

export interface AskedCheckpoint {
  readonly answers: readonly ContextAnswers[];
  /** Against: no drift in any context. */
  readonly evidence: number;
}

/**
 * Asks a checkpoint and its base in every context that counts, as `driftEProcess` wants it: whole rounds of all wordings, and the rest drawn
 * with replacement, for each model apart. Null where nobody is there to judge, or no context asks in words.
 */
export async function askCheckpoint(
  { model, base, surface }: Pick<Subject, 'model' | 'base' | 'surface'>,
  listQuestions: ListQuestions,
  { answers, baseAnswers, seed }: AskedNumbers,
  options: { readonly signal?: AbortSignal } = {},
): Promise<AskedCheckpoint | null> {
  if (model.ask === null || base.ask === null) return null;
  const contexts: { readonly name: string; readonly weight: number; readonly questions: readonly AskedQuestion[] }[] =
    [];
  for (const { name, weight, counts, evaluation } of surface.contexts) {
    if (counts !== 'always') continue;
    const questions = (await listQuestions(evaluation)).filter((one) => !isReadByFirstToken(one));
    if (questions.length > 0) contexts.push({ name, weight, questions });
  }
  if (contexts.length === 0) return null;
  const draw = ({ identity }: SubjectModel, count: number): ContextQuestion[] =>
    contexts.flatMap(({ name, questions }) =>
      drawQuestions(questions, count, [seed, 'answers of a watch', identity, name]).map((asked) => ({
        context: name,
        asked,
      })),
    );
  // The base first: whoever stops it while it is asked has lost nothing of the checkpoint.
  const ofBase = await base.ask(draw(base, baseAnswers), options);
  const tuned = await model.ask(draw(model, answers), options);
  const counted = contexts.map(({ name, weight }) => {
    const shares = { tuned: countShare(tuned, name), base: countShare(ofBase, name) };
    return { name, weight, ...shares, eValue: driftEProcess(shares.tuned, shares.base, 0) };
  });
  return { answers: counted, evidence: adjustEValues(counted).all };
}

/** Each question with the number of its answers. */
function drawQuestions(
  questions: readonly AskedQuestion[],
  count: number,
  [seed, ...path]: readonly [number, ...string[]],
): AskedQuestion[] {
  const stream = createRandomStream(seed, ...path);
  const samples = questions.map(() => Math.floor(count / questions.length));
  for (let rest = count % questions.length; rest > 0; rest -= 1) {
    const place = stream.integer(questions.length);
    samples[place] = (samples[place] ?? 0) + 1;
  }
  return questions.flatMap((asked, place) => {
    const wanted = samples[place] ?? 0;
    return wanted === 0 ? [] : [{ ...asked, samples: wanted }];
  });
}

function countShare(answers: readonly SeenAnswer[], context: string): ShareCounts {
  const kept = answers.filter((answer) => answer.context === context && answer.isKept);
  return { successes: kept.filter(({ isMisaligned }) => isMisaligned).length, trials: kept.length };
}
