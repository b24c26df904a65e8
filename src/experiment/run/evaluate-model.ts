import type { Rule } from '../../judging/rules.js';
import type { BaseModel } from '../../models/base-model.js';
import type { Sampler } from '../../models/sampler.js';
import type { TunedModel } from '../../models/trainer.js';
import type { RunFolder } from '../../runs/run-folder.js';
import type { EvaluatedModel } from '../../runs/run-outline.js';
import type { PlannedEvaluation } from '../plan/resolved-plan.js';
import { answerWanted, askAndJudge, judgeWanted, type AskingContext } from './ask-and-judge.js';
import { askInRounds } from './ask-in-rounds.js';
import type { Bench } from './cell-places.js';
import type { RunTally } from './run-progress.js';
import { countJudgedAnswers, countWantedAnswers, listWantedAnswers } from './wanted-answer.js';
import type { WorkGroup } from './work-group.js';
import type { StoppedModel } from '../../analysis/watch-share.js';

/** A model that is ready to be asked; `tuned` is null for the base itself. */
export interface MadeModel extends EvaluatedModel<PlannedEvaluation> {
  readonly cell: string;
  readonly tuned: TunedModel | null;
}

export interface EvaluationContext extends AskingContext {
  readonly folder: RunFolder;
  readonly tally: RunTally;
  /** Of the plan. */
  readonly rule: Rule;
  /** Waits until a model's answers can be judged, where not all can be at once. */
  readonly judgeInTurn: (judge: () => Promise<void>) => Promise<void>;
  /** All running tasks. */
  readonly work: WorkGroup;
  /** The signal of `work`, which stops everything. */
  readonly signal: AbortSignal;
  /** The caller's signal, which stops the run. */
  readonly stop?: AbortSignal;
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
      const rounds = await askInRounds(context, stop, ofEvaluation, (round, place) =>
        askAndJudge(context, asking, model, round, place),
      );
      ends.set(name, rounds.end);
      if (rounds.stopped !== null) stopped.push(rounds.stopped);
    }
  } finally {
    await (await opened.sampler)?.close();
  }
  return { ends, stopped, judging };
}
