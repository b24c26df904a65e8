import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { Judge, JudgedAnswer } from '../../judging/judge.js';
import type { Judgement } from '../../judging/judgement.js';
import type { AskedQuestion } from '../../runs/stored-questions.js';
import type { AnswerRecord, JudgementRecord } from '../../runs/run-records.js';

export interface AnswerToJudge {
  readonly asked: AskedQuestion;
  readonly record: AnswerRecord;
}

/** Answers that are judged at once, where a judge has to wait for a server. */
const parallel = 16;

/** What decides a judgement: equal where a judge sees the same question and the same answer. */
export function identifyJudgement(judge: string, { asked, record }: AnswerToJudge): string {
  const { messages, judgePrompts, type } = asked;
  return hashJson({ judge, messages, judgePrompts, type, text: record.text }).slice(0, 32);
}

/**
 * Judges several answers at once, and hands judgements on as they come, together those that came while others were being stored. Where
 * one fails or the signal comes, no other is begun; those that were begun are waited for, and stored if they succeed.
 */
export async function judgeAnswers(
  judge: Judge,
  answers: readonly AnswerToJudge[],
  storeRecords: (records: readonly JudgementRecord[]) => Promise<void>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const waiting = answers.values();
  const failures: unknown[] = [];
  const store = createCollectedStore(storeRecords);
  if (judge.judgeTogether !== undefined) {
    await Promise.all(
      judge.judgeTogether(answers.map(toInput)).map(async (judgement, index) => {
        // As many as there are answers, in their order.
        const answer = answers[index] as AnswerToJudge;
        try {
          store.add(toRecord(judge, answer, await judgement));
        } catch (cause) {
          failures.push(cause);
        }
      }),
    );
    await store.finish();
    if (failures.length > 0) throw failures[0];
    return;
  }
  async function work(): Promise<void> {
    // All workers take from the same iterator.
    for (const answer of waiting) {
      if (failures.length > 0 || store.hasFailed()) return;
      if (signal?.aborted === true) throw stopped();
      store.add(await judgeAnswer(judge, answer));
    }
  }

  await Promise.all(
    Array.from({ length: Math.min(parallel, answers.length) }, () =>
      work().catch((cause: unknown) => {
        failures.push(cause);
      }),
    ),
  );
  await store.finish();
  if (failures.length > 0) throw failures[0];
}

interface CollectedStore {
  readonly add: (record: JudgementRecord) => void;
  readonly hasFailed: () => boolean;
  /** Returns when all is stored, or throws what went wrong. */
  readonly finish: () => Promise<void>;
}

/** Stores records without keeping those waiting who make them: what comes while some are being stored is stored together after that. */
function createCollectedStore(storeRecords: (records: readonly JudgementRecord[]) => Promise<void>): CollectedStore {
  let pending: JudgementRecord[] = [];
  let failure: { readonly cause: unknown } | null = null;
  let last = Promise.resolve();
  async function storePending(): Promise<void> {
    const records = pending;
    pending = [];
    if (records.length === 0 || failure !== null) return;
    await storeRecords(records).catch((cause: unknown) => {
      failure = { cause };
    });
  }
  return {
    add: (record) => {
      pending.push(record);
      if (pending.length === 1) last = last.then(storePending);
    },
    hasFailed: () => failure !== null,
    finish: async () => {
      await last;
      if (failure !== null) throw failure.cause;
    },
  };
}

async function judgeAnswer(judge: Judge, answer: AnswerToJudge): Promise<JudgementRecord> {
  return toRecord(judge, answer, await judge.judge(toInput(answer)));
}

function toInput({ asked: { messages, judgePrompts: prompts }, record }: AnswerToJudge): JudgedAnswer {
  return { messages, answer: record.text, prompts };
}

function toRecord(judge: Judge, answer: AnswerToJudge, judgement: Judgement): JudgementRecord {
  const { record } = answer;
  const { judge: name, mode, alignment, coherence, labels, details } = judgement;
  return {
    answer: record.key,
    judge: name,
    mode,
    alignment,
    coherence,
    labels: [...labels],
    ...(details === undefined ? {} : { details }),
    input: identifyJudgement(judge.name, answer),
  };
}

function stopped(): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: 'judging was stopped; what was judged so far is stored',
    hint: 'Run the same command again: it goes on from there.',
  });
}
