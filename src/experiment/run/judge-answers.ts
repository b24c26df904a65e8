import { createHash } from 'node:crypto';
import { canonicalJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { Judge, JudgedAnswer, Judgement } from '../../judging/judge.js';
import { mostOpenCalls } from '../../models/hosted/traffic/rate-limiter.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import type { EarlierRuns } from '../../runs/earlier-runs.js';
import type { RunFolder } from '../../runs/run-folder.js';
import { type AnswerRecord, findJudgement, type JudgementRecord, keyOfJudgement } from '../../runs/run-records.js';
import type { AskedQuestion } from '../../runs/run-outline.js';
import { sayWhatIsKept, type JudgingProgress, type RunTally } from './run-progress.js';

export interface AnswerToJudge {
  readonly asked: AskedQuestion;
  readonly record: AnswerRecord;
}

/** Identifies what decides a judgement: equal if a judge sees the same question and the same answer. */
export function identifyJudgement(judge: string, { asked, record }: AnswerToJudge): string {
  return prepareHash(judge, asked)(record.text);
}

type HashText = (text: string) => string;

/** By judge and question, of which there are few beside their answers. */
const prepared = new WeakMap<AskedQuestion, Map<string, HashText>>();

/** Hashes the judge and the question with one text after another: canonical JSON up to the text is hashed once. */
function prepareHash(judge: string, asked: AskedQuestion): HashText {
  const ofQuestion = prepared.get(asked) ?? new Map<string, HashText>();
  prepared.set(asked, ofQuestion);
  const known = ofQuestion.get(judge);
  if (known !== undefined) return known;
  const { messages, judgePrompts, type } = asked;
  const constant = canonicalJson({ judge, messages, judgePrompts, type, text: '' });
  // Quotes within texts are escaped in JSON: this can only be the key: only the type, a word, comes after it.
  const place = constant.lastIndexOf('"text":""') + '"text":'.length;
  const [begun, tail] = [createHash('sha256').update(constant.slice(0, place)), constant.slice(place + 2)];
  const hash: HashText = (text) =>
    begun
      .copy()
      .update(`${JSON.stringify(text)}${tail}`)
      .digest('hex')
      .slice(0, 32);
  ofQuestion.set(judge, hash);
  return hash;
}

interface JudgingContext {
  readonly folder: Pick<RunFolder, 'judgements'>;
  readonly judge: Judge;
  readonly earlier: () => Promise<EarlierRuns>;
  readonly tally: Pick<RunTally, 'judgements'>;
  /** Counts the cost of a hosted judge. */
  readonly spending?: SpendingLedger;
  readonly signal?: AbortSignal;
}

/** Judges the answers that a judge has not judged, and reuses what it said in earlier runs. A stored judgement is never made again. */
export async function judgeMissing(
  { folder, judge, earlier, tally, spending, signal }: JudgingContext,
  answers: readonly AnswerToJudge[],
  onStored: (progress: JudgingProgress) => void,
): Promise<void> {
  const missing: (AnswerToJudge & { readonly input: string })[] = [];
  const outdated: string[] = [];
  for (const answer of answers) {
    const input = identifyJudgement(judge.name, answer);
    const judgement = findJudgement(folder.judgements.records, answer.record.key, judge.name);
    if (judgement?.input === input) tally.judgements.there += 1;
    else missing.push({ ...answer, input });
    // The answer was asked again, because its line was damaged, and came out different.
    if (judgement !== null && judgement.input !== input) outdated.push(keyOfJudgement(judgement));
  }
  if (missing.length === 0) return;
  const { judgements } = await earlier();
  const reused: JudgementRecord[] = [];
  const toJudge: AnswerToJudge[] = [];
  for (const answer of missing) {
    const found = judgements.get(answer.input);
    if (found === undefined) toJudge.push(answer);
    else reused.push({ ...found, answer: answer.record.key });
  }
  await folder.judgements.drop(outdated);
  await folder.judgements.append(reused);
  tally.judgements.reused += reused.length;
  const before = answers.length - toJudge.length;
  let done = before;
  const store = async (records: readonly JudgementRecord[]): Promise<void> => {
    await Promise.all([folder.judgements.append(records), spending?.save()]);
    tally.judgements.made += records.length;
    done += records.length;
    onStored({ stored: records.length, before, done, total: answers.length });
  };
  await judgeAnswers(judge, toJudge, store, signal === undefined ? {} : { signal }).catch((cause: unknown) => {
    throw sayWhatIsKept(cause, 'judged');
  });
}

/**
 * Answers that are judged at the same time. The rate limiter of the judge's server decides how many calls are open. This is its maximum, so
 * that it never runs short of calls; it is not more, so that little is left to wait for when one fails.
 */
const begunAtOnce = mostOpenCalls;

/**
 * Judges several answers at once, and stores judgements as they come; those that come during a write are written together after it. After a
 * failure or an abort it starts no more, and waits for those that it started, to store the ones that succeed.
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
        // The cast is true: there is one judgement for each answer, in their order.
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
    Array.from({ length: Math.min(begunAtOnce, answers.length) }, () =>
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
  /** Resolves when all is stored, or throws what went wrong. */
  readonly finish: () => Promise<void>;
}

/** Stores records without making the caller wait: those that come during a write are written together after it. */
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
