import { DriftlineError } from '../../foundation/driftline-error.js';
import { likeliestAsked } from '../../judging/first-token.js';
import type { Judge } from '../../judging/judge.js';
import type { Answer, Sampler, SamplingRequest } from '../../models/sampler.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import { isReadByFirstToken } from '../../questions/question-file.js';
import type { EarlierRuns } from '../../runs/earlier-runs.js';
import type { RecordTable } from '../../runs/record-table.js';
import type { RunFolder } from '../../runs/run-folder.js';
import type { AskedQuestion } from '../../runs/run-outline.js';
import type { AnswerRecord } from '../../runs/run-records.js';
import type { AnswersPlace } from './ask-in-rounds.js';
import { judgeMissing, type AnswerToJudge } from './judge-answers.js';
import { sayWhatIsKept, type RunEvent, type RunTally } from './run-progress.js';
import { recordAnswer, type WantedAnswer } from './wanted-answer.js';

/** Where answers and judgements go, who judges, and what counts along. */
export interface AskingContext {
  readonly folder: Pick<RunFolder, 'answers' | 'judgements'>;
  readonly judge: Judge;
  readonly earlier: () => Promise<EarlierRuns>;
  readonly tally: Pick<RunTally, 'answers' | 'judgements'>;
  /** Counts what hosted models cost. */
  readonly spending?: SpendingLedger;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
}

/** What events call a model. */
interface NamedModel {
  readonly cell: string;
  /** The cell, with the step for a checkpoint. */
  readonly name: string;
}

/** How a model is asked. */
export interface Asking {
  readonly openSampler: () => Promise<Sampler>;
  readonly stopping: SamplingStop;
}

type SamplingStop = NonNullable<Parameters<Sampler['sample']>[1]>;

/** Asks for the wanted answers that are neither stored nor known from earlier, and has those judged that are not. */
export async function askAndJudge(
  context: AskingContext,
  asking: Asking,
  model: NamedModel,
  wanted: readonly WantedAnswer[],
  place: AnswersPlace,
): Promise<void> {
  await answerWanted(context, asking, model, wanted, place);
  await judgeWanted(context, model, wanted, place);
}

/** Asks for the wanted answers that are not stored. */
export async function answerWanted(
  context: AskingContext,
  asking: Asking,
  model: NamedModel,
  wanted: readonly WantedAnswer[],
  { before, total }: AnswersPlace,
): Promise<void> {
  const { folder, tally } = context;
  const missing = wanted.filter(({ key, input }) => folder.answers.records.get(key)?.input !== input);
  tally.answers.there += wanted.length - missing.length;
  if (missing.length === 0) return;
  // A stored answer with another input, such as another model or question, does not count.
  await folder.answers.drop(missing.map(({ key }) => key));
  const unknown = await takeOverAnswers(context, missing);
  const there = before + wanted.length - unknown.length;
  if (unknown.length > 0) await askMissing(context, asking, model, unknown, { before: there, total });
}

/** Judges the wanted answers that are not judged. */
export async function judgeWanted(
  context: AskingContext,
  { cell, name }: NamedModel,
  wanted: readonly WantedAnswer[],
  { before, total }: AnswersPlace,
): Promise<void> {
  const { records } = context.folder.answers;
  const answers = wanted.flatMap(({ key, asked }) =>
    isReadByFirstToken(asked) || !records.has(key) ? [] : [answerIn(records, key, asked)],
  );
  await judgeMissing(context, answers, (progress) => {
    const place = { before: before + progress.before, done: before + progress.done, total };
    context.onEvent({ kind: 'judgements-stored', cell, model: name, ...progress, ...place });
  });
}

/** Takes missing answers from this run or earlier ones, whatever they are called there, and returns the rest. */
async function takeOverAnswers(context: AskingContext, missing: readonly WantedAnswer[]): Promise<WantedAnswer[]> {
  const { folder, earlier, tally } = context;
  const { records } = folder.answers;
  const { answers } = await earlier();
  const found = missing.flatMap((wanted) => {
    const record = records.findByInput(wanted.input) ?? answers.get(wanted.input);
    return record === undefined ? [] : [recordAnswer(wanted, record)];
  });
  await storeAnswers(context, found);
  tally.answers.reused += found.length;
  return missing.filter(({ key }) => !folder.answers.records.has(key));
}

/** An answer of a table, which may read it when it is looked at. */
function answerIn(records: RecordTable<AnswerRecord>, key: string, asked: AskedQuestion): AnswerToJudge {
  return {
    asked,
    get record() {
      const found = records.get(key);
      if (found === undefined) throw new Error(`${key} was there, and is not any more`);
      return found;
    },
  };
}

async function storeAnswers({ folder, spending }: AskingContext, records: readonly AnswerRecord[]): Promise<void> {
  // At the same time, so that answers do not wait for the count of what they cost.
  await Promise.all([folder.answers.append(records), spending?.save()]);
}

async function askMissing(
  context: AskingContext,
  { openSampler, stopping }: Asking,
  { name, cell }: NamedModel,
  missing: readonly WantedAnswer[],
  { before, total }: AnswersPlace,
): Promise<void> {
  const { tally, onEvent } = context;
  // What several evaluations ask in the same way is asked once.
  const byInput = new Map<string, WantedAnswer[]>();
  for (const wanted of missing) byInput.set(wanted.input, [...(byInput.get(wanted.input) ?? []), wanted]);
  let done = before;
  const store = async (asked: readonly AnswerRecord[]): Promise<void> => {
    const records = asked.flatMap((record) =>
      (byInput.get(record.input) ?? []).map((wanted) => recordAnswer(wanted, record)),
    );
    await storeAnswers(context, records);
    done += records.length;
    tally.answers.asked += asked.length;
    tally.answers.reused += records.length - asked.length;
    onEvent({ kind: 'answers-stored', cell, model: name, stored: records.length, before, done, total });
  };
  const distinct = missing.filter((wanted) => byInput.get(wanted.input)?.[0] === wanted);
  await askModel(await openSampler(), distinct, store, stopping).catch((cause: unknown) => {
    throw sayWhatIsKept(cause, 'answered');
  });
}

/** Answers per write: each write waits for the disk. */
const batch = 64;

/**
 * Asks a model for answers, and stores them in small batches as they come. What is stored is never asked again; a killed run loses at most
 * one batch.
 */
export async function askModel(
  sampler: Sampler,
  wanted: readonly WantedAnswer[],
  store: (records: readonly AnswerRecord[]) => Promise<void>,
  stopping: SamplingStop = {},
): Promise<void> {
  const ranges = groupIntoRanges(wanted);
  let pending: AnswerRecord[] = [];
  const flush = async (): Promise<void> => {
    const records = pending;
    pending = [];
    if (records.length > 0) await store(records);
  };
  try {
    const requests = ranges.map(toRequest);
    for await (const answer of sampler.sample(requests, stopping)) {
      const asked = ranges[answer.request]?.[answer.index];
      if (asked === undefined) continue; // an answer that nobody asked for
      const { text, finishReason, tokens, first } = answer;
      const told = { text, finish_reason: finishReason, tokens };
      pending.push(recordAnswer(asked, isReadByFirstToken(asked.asked) ? { ...told, first: nameFirst(first) } : told));
      if (pending.length >= batch) await flush();
    }
  } finally {
    await flush();
  }
}

/** Groups answers to one question with consecutive seeds into one request. */
function groupIntoRanges(wanted: readonly WantedAnswer[]): WantedAnswer[][] {
  const ranges: WantedAnswer[][] = [];
  for (const answer of wanted) {
    const range = ranges.at(-1);
    const last = range?.at(-1);
    if (range !== undefined && last?.asked === answer.asked && last.seed + 1 === answer.seed) range.push(answer);
    else ranges.push([answer]);
  }
  return ranges;
}

function toRequest(range: readonly WantedAnswer[]): SamplingRequest {
  const { asked, seed } = range[0] as WantedAnswer; // ranges are not empty
  const { messages, temperature, maximumTokens } = asked;
  return {
    // The cast is true: there is always a user turn.
    messages: messages as SamplingRequest['messages'],
    ...{ count: range.length, seed, temperature, maximumTokens },
    ...(isReadByFirstToken(asked) ? { likeliest: likeliestAsked } : {}),
  };
}

function nameFirst(first: Answer['first']): [string, number][] {
  if (first === undefined)
    throw new DriftlineError({
      code: 'usage-invalid',
      message:
        'a model does not tell the likeliest tokens that its answers may begin with, which next_token and rating read',
      hint: 'Fill `first` where a sampling request has `likeliest`, or ask this model other questions.',
    });
  return first.map(({ token, probability }) => [token, probability]);
}
