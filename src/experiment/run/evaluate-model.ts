import type { Judge } from '../../judging/judge.js';
import type { BaseModel } from '../../models/open-base-model.js';
import type { TunedModel } from '../../models/trainer.js';
import type { EvaluatedModel } from '../plan/list-evaluated-models.js';
import type { AnswerRecord } from './answer-record.js';
import { askModel } from './ask-model.js';
import type { EarlierRuns } from './earlier-runs.js';
import { judgeMissing } from './judge-missing.js';
import type { RunEvent } from './run-event.js';
import type { RunFolder } from './run-folder.js';
import type { RunTally } from './run-tally.js';
import { listWantedAnswers, recordAnswer, type WantedAnswer } from './wanted-answer.js';

/** A model that is there to be asked; null is the base itself. */
export interface MadeModel extends EvaluatedModel {
  readonly cell: string;
  readonly tuned: TunedModel | null;
}

export interface EvaluationContext {
  readonly folder: RunFolder;
  readonly judge: Judge;
  readonly earlier: () => Promise<EarlierRuns>;
  readonly tally: RunTally;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
}

/** Asks a model what is missing, and judges what is not judged. Returns everything that is wanted of it. */
export async function evaluateModel(
  context: EvaluationContext,
  base: BaseModel,
  model: MadeModel,
): Promise<WantedAnswer[]> {
  const { folder, tally } = context;
  const wanted = listWantedAnswers(model.name, model.identity, model.evaluations);
  const missing = wanted.filter(({ key }) => !folder.answers.records.has(key));
  tally.answers.there += wanted.length - missing.length;
  if (missing.length > 0) {
    const unknown = await takeOverAnswers(context, missing);
    if (unknown.length > 0) await askMissing(context, base, model, unknown, wanted.length);
  }
  const answers = wanted.flatMap(({ key, asked }) => {
    const record = folder.answers.records.get(key);
    return record === undefined ? [] : [{ asked, record }];
  });
  await judgeMissing(context, answers, (progress) => {
    context.onEvent({ kind: 'judgements-stored', cell: model.cell, model: model.name, ...progress });
  });
  return wanted;
}

/** Stores what earlier runs have of what is missing, and returns the rest. */
async function takeOverAnswers(
  { folder, earlier, tally }: EvaluationContext,
  missing: readonly WantedAnswer[],
): Promise<WantedAnswer[]> {
  const { answers } = await earlier();
  const found = missing.flatMap((wanted) => {
    const record = answers.get(wanted.input);
    return record === undefined ? [] : [recordAnswer(wanted, record)];
  });
  await folder.answers.append(found);
  tally.answers.reused += found.length;
  return missing.filter(({ key }) => !folder.answers.records.has(key));
}

async function askMissing(
  { folder, tally, signal, onEvent }: EvaluationContext,
  base: BaseModel,
  { name, cell, tuned }: MadeModel,
  missing: readonly WantedAnswer[],
  total: number,
): Promise<void> {
  const sampler = await base.openSampler(tuned);
  const before = total - missing.length;
  let done = before;
  const store = async (records: readonly AnswerRecord[]): Promise<void> => {
    await folder.answers.append(records);
    done += records.length;
    tally.answers.asked += records.length;
    onEvent({ kind: 'answers-stored', cell, model: name, stored: records.length, before, done, total });
  };
  try {
    await askModel(sampler, missing, store, signal === undefined ? {} : { signal });
  } finally {
    await sampler.close();
  }
}
