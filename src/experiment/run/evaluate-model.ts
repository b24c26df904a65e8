import type { Judge } from '../../judging/judge.js';
import type { Rule } from '../../judging/rules.js';
import type { BatchSettings } from '../../models/hosted/batches/batch-settings.js';
import type { BaseModel } from '../../models/open-base-model.js';
import type { Sampler } from '../../models/sampler.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import type { TunedModel } from '../../models/trainer.js';
import type { EvaluatedModel } from '../../runs/run-outline.js';
import type { PlannedEvaluation } from '../plan/resolved-plan.js';
import type { AnswerRecord } from '../../runs/run-records.js';
import { askInRounds, type AnswersPlace } from './ask-in-rounds.js';
import { askModel } from './ask-model.js';
import type { EarlierRuns } from '../../runs/earlier-runs.js';
import { judgeMissing } from './judge-answers.js';
import type { RunEvent } from './run-event.js';
import type { RunFolder } from '../../runs/run-folder.js';
import type { RunTally } from './run-tally.js';
import { sayWhatIsKept } from './say-what-is-kept.js';
import { listWantedAnswers, recordAnswer, type WantedAnswer } from './wanted-answer.js';
import type { StoppedModel } from '../../analysis/watch-share.js';

/** A model that is there to be asked; null is the base itself. */
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
  /** Every answer that this run has, by its input; grows with each that is stored. */
  readonly known: Map<string, AnswerRecord>;
  readonly tally: RunTally;
  /** Hosted models are asked in batches. */
  readonly batches?: BatchSettings;
  /** Counts what hosted models cost. */
  readonly spending?: SpendingLedger;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
}

/** What was asked of a model, and where less than planned. */
export interface EvaluatedAnswers {
  /** In the order of the plan. */
  readonly answers: readonly WantedAnswer[];
  readonly stopped: readonly StoppedModel[];
}

/**
 * Asks a model what is missing, and judges what is not judged. Where an evaluation may stop early, that is decided by what is stored of whole
 * rounds alone: a run that goes on decides the same.
 */
export async function evaluateModel(
  context: EvaluationContext,
  base: BaseModel,
  model: MadeModel,
): Promise<EvaluatedAnswers> {
  const opened: { sampler: Promise<Sampler> | null } = { sampler: null };
  const openSampler = (): Promise<Sampler> => (opened.sampler ??= base.openSampler(model.tuned, context));
  const wanted = listWantedAnswers({ ...model, engine: base.engine }, model.evaluations);
  const stops = new Map(
    model.evaluations.flatMap(({ name, stopEarly }) => (stopEarly === undefined ? [] : [[name, stopEarly] as const])),
  );
  const askedInRounds = new Set<WantedAnswer>();
  const stopped: StoppedModel[] = [];
  try {
    const whole = wanted.filter(({ evaluation }) => !stops.has(evaluation));
    await answerAndJudge(context, openSampler, model, whole, { before: 0, total: whole.length });
    for (const [name, stop] of stops) {
      const ofEvaluation = wanted.filter(({ evaluation }) => evaluation === name);
      const rounds = await askInRounds(context, stop, ofEvaluation, (round, place) =>
        answerAndJudge(context, openSampler, model, round, place),
      );
      for (const answer of rounds.asked) askedInRounds.add(answer);
      if (rounds.stopped !== null) stopped.push(rounds.stopped);
    }
  } finally {
    await (await opened.sampler)?.close();
  }
  return { answers: wanted.filter((one) => !stops.has(one.evaluation) || askedInRounds.has(one)), stopped };
}

/** Asks and judges what is not there of what is wanted. */
async function answerAndJudge(
  context: EvaluationContext,
  openSampler: () => Promise<Sampler>,
  model: MadeModel,
  wanted: readonly WantedAnswer[],
  { before, total }: AnswersPlace,
): Promise<void> {
  const { folder, tally } = context;
  const missing = wanted.filter(({ key, input }) => folder.answers.records.get(key)?.input !== input);
  tally.answers.there += wanted.length - missing.length;
  if (missing.length > 0) {
    // An answer of another model, or to another question, does not stand for the one that is wanted.
    await folder.answers.drop(missing.map(({ key }) => key));
    const unknown = await takeOverAnswers(context, missing);
    const there = before + wanted.length - unknown.length;
    if (unknown.length > 0) await askMissing(context, openSampler, model, unknown, { before: there, total });
  }
  const answers = wanted.flatMap(({ key, asked }) => {
    const record = folder.answers.records.get(key);
    return record === undefined ? [] : [{ asked, record }];
  });
  await judgeMissing(context, answers, (progress) => {
    const place = { before: before + progress.before, done: before + progress.done, total };
    context.onEvent({ kind: 'judgements-stored', cell: model.cell, model: model.name, ...progress, ...place });
  });
}

/** Stores what this run or earlier ones have of what is missing, whatever it is called there, and returns the rest. */
async function takeOverAnswers(context: EvaluationContext, missing: readonly WantedAnswer[]): Promise<WantedAnswer[]> {
  const { folder, earlier, known, tally } = context;
  const { answers } = await earlier();
  const found = missing.flatMap((wanted) => {
    const record = known.get(wanted.input) ?? answers.get(wanted.input);
    return record === undefined ? [] : [recordAnswer(wanted, record)];
  });
  await storeAnswers(context, found);
  tally.answers.reused += found.length;
  return missing.filter(({ key }) => !folder.answers.records.has(key));
}

async function storeAnswers(
  { folder, known, spending }: EvaluationContext,
  records: readonly AnswerRecord[],
): Promise<void> {
  // Together: nobody's answers wait for what they cost.
  await Promise.all([folder.answers.append(records), spending?.save()]);
  for (const record of records) known.set(record.input, record);
}

async function askMissing(
  context: EvaluationContext,
  openSampler: () => Promise<Sampler>,
  { name, cell }: MadeModel,
  missing: readonly WantedAnswer[],
  { before, total }: AnswersPlace,
): Promise<void> {
  const { tally, signal, onEvent } = context;
  // What several evaluations ask alike is asked once.
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
  await askModel(await openSampler(), distinct, store, signal === undefined ? {} : { signal }).catch(
    (cause: unknown) => {
      throw sayWhatIsKept(cause, 'answered');
    },
  );
}
