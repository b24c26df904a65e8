import { DriftlineError } from '../../foundation/driftline-error.js';
import { likeliestAsked } from '../../judging/first-token.js';
import type { Judge } from '../../judging/judge.js';
import type { Rule } from '../../judging/rules.js';
import type { BaseModel } from '../../models/base-model.js';
import type { Answer, Sampler, SamplingRequest } from '../../models/sampler.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import type { TunedModel } from '../../models/trainer.js';
import { isReadByFirstToken } from '../../questions/question-file.js';
import type { AskedQuestion, EvaluatedModel } from '../../runs/run-outline.js';
import type { PlannedEvaluation } from '../plan/resolved-plan.js';
import type { AnswerRecord } from '../../runs/run-records.js';
import { askInRounds, type AnswersPlace } from './ask-in-rounds.js';
import type { Bench } from './cell-places.js';
import type { EarlierRuns } from '../../runs/earlier-runs.js';
import { judgeMissing, type AnswerToJudge } from './judge-answers.js';
import { sayWhatIsKept, type RunEvent, type RunTally } from './run-progress.js';
import type { RecordTable } from '../../runs/record-table.js';
import type { RunFolder } from '../../runs/run-folder.js';
import {
  countJudgedAnswers,
  countWantedAnswers,
  listWantedAnswers,
  recordAnswer,
  type WantedAnswer,
} from './wanted-answer.js';
import type { WorkGroup } from './work-group.js';
import type { StoppedModel } from '../../analysis/watch-share.js';

/** A model that is ready to be asked; `tuned` is null for the base itself. */
export interface MadeModel extends EvaluatedModel<PlannedEvaluation> {
  readonly cell: string;
  readonly tuned: TunedModel | null;
}

export interface EvaluationContext {
  readonly folder: RunFolder;
  readonly judge: Judge;
  /** Of the plan. */
  readonly rule: Rule;
  readonly earlier: () => Promise<EarlierRuns>;
  /** Waits until a model's answers can be judged, where not all can be at once. */
  readonly judgeInTurn: (judge: () => Promise<void>) => Promise<void>;
  readonly tally: RunTally;
  /** Counts what hosted models cost. */
  readonly spending?: SpendingLedger;
  /** All running tasks. */
  readonly work: WorkGroup;
  /** The signal of `work`, which stops everything. */
  readonly signal: AbortSignal;
  /** The caller's signal, which stops the run. */
  readonly stop?: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
}

/** Which answers a model was asked for, and the evaluations that stopped early. */
export interface EvaluatedAnswers {
  /** Samples of each question by evaluation, where it is asked in rounds; Infinity for all. */
  readonly ends: ReadonlyMap<string, number>;
  readonly stopped: readonly StoppedModel[];
  /** Resolves when all of them are judged, or judging has failed. */
  readonly judging: Promise<void>;
}

/**
 * Asks a model for its missing answers, and judges those that are not judged. Judging runs beside what comes next, unless the next work
 * would block it. Early stopping depends only on what is stored of whole rounds, so a resumed run decides the same.
 */
export async function evaluateModel(
  context: EvaluationContext,
  { engine }: Pick<BaseModel, 'engine'>,
  bench: Bench,
  model: MadeModel,
): Promise<EvaluatedAnswers> {
  const opened: { sampler: Promise<Sampler> | null } = { sampler: null };
  const openSampler = (): Promise<Sampler> => (opened.sampler ??= bench.openSampler(model.tuned));
  const stopping = bench.isPaid
    ? { ...(context.stop && { signal: context.stop }), leave: context.signal }
    : { signal: context.signal };
  const asking = { openSampler, stopping };
  const list = (evaluations: MadeModel['evaluations']) => listWantedAnswers({ ...model, engine }, evaluations);
  const stops = new Map(
    model.evaluations.flatMap(({ name, stopEarly }) => (stopEarly === undefined ? [] : [[name, stopEarly] as const])),
  );
  const ends = new Map<string, number>();
  const stopped: StoppedModel[] = [];
  const whole = model.evaluations.filter(({ stopEarly }) => stopEarly === undefined);
  const place = { before: 0, total: countWantedAnswers(whole) };
  // Listed again, so that answers that wait for their judge take no memory.
  const judgeWhole = () => judgeWanted(context, model, list(whole), { before: 0, total: countJudgedAnswers(whole) });
  let judging = Promise.resolve();
  try {
    await answerWanted(context, asking, model, list(whole), place);
    if (bench.isBlocking) await judgeWhole();
    else judging = context.work.start(() => context.judgeInTurn(judgeWhole));
    for (const [name, stop] of stops) {
      const ofEvaluation = list(model.evaluations.filter((evaluation) => evaluation.name === name));
      const rounds = await askInRounds(context, stop, ofEvaluation, async (round, place) => {
        await answerWanted(context, asking, model, round, place);
        await judgeWanted(context, model, round, place);
      });
      ends.set(name, rounds.end);
      if (rounds.stopped !== null) stopped.push(rounds.stopped);
    }
  } finally {
    await (await opened.sampler)?.close();
  }
  return { ends, stopped, judging };
}

/** How a model is asked. */
interface Asking {
  readonly openSampler: () => Promise<Sampler>;
  readonly stopping: SamplingStop;
}

type SamplingStop = NonNullable<Parameters<Sampler['sample']>[1]>;

/** Asks for the wanted answers that are not stored. */
async function answerWanted(
  context: EvaluationContext,
  asking: Asking,
  model: MadeModel,
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
async function judgeWanted(
  context: EvaluationContext,
  { cell, name }: MadeModel,
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
async function takeOverAnswers(context: EvaluationContext, missing: readonly WantedAnswer[]): Promise<WantedAnswer[]> {
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

async function storeAnswers({ folder, spending }: EvaluationContext, records: readonly AnswerRecord[]): Promise<void> {
  // At the same time, so that answers do not wait for the count of what they cost.
  await Promise.all([folder.answers.append(records), spending?.save()]);
}

async function askMissing(
  context: EvaluationContext,
  { openSampler, stopping }: Asking,
  { name, cell }: MadeModel,
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
