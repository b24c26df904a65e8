import type { Judge } from '../../judging/judge.js';
import type { Rule } from '../../judging/rules.js';
import type { StopEarly } from '../../runs/run-outline.js';
import { findJudgement, toJudgement } from '../../runs/run-records.js';
import type { RunFolder } from '../../runs/run-folder.js';
import type { WantedAnswer } from './wanted-answer.js';
import { watchShare, type StoppedModel } from '../../analysis/watch-share.js';

/** The position of some answers among all of a model: how many come before them, and the total. */
export interface AnswersPlace {
  readonly before: number;
  readonly total: number;
}

export interface RoundsContext {
  readonly folder: Pick<RunFolder, 'judgements'>;
  readonly judge: Pick<Judge, 'name'>;
  readonly rule: Rule;
}

export interface AskedRounds {
  /** Samples of each question that were asked; Infinity for all. */
  readonly end: number;
  /** Null if everything was asked. */
  readonly stopped: StoppedModel | null;
}

/**
 * Asks and judges a model's answers to one evaluation in rounds, each of which asks every question once. After the rounds that the plan
 * lists, it looks at the confidence sequence of the misaligned share, and stops once that lies wholly on one side of the limit.
 */
export async function askInRounds(
  { folder, judge, rule }: RoundsContext,
  stop: StopEarly,
  wanted: readonly WantedAnswer[],
  answerAndJudge: (round: readonly WantedAnswer[], place: AnswersPlace) => Promise<void>,
): Promise<AskedRounds> {
  let asked: WantedAnswer[] = [];
  let start = 0;
  for (const end of [...stop.looks, Infinity]) {
    const round = wanted.filter(({ index }) => index >= start && index < end);
    await answerAndJudge(round, { before: asked.length, total: wanted.length });
    asked = [...asked, ...round];
    start = end;
    if (asked.length === wanted.length) break;
    const judgements = asked.flatMap(({ key }) => {
      const record = findJudgement(folder.judgements.records, key, judge.name);
      return record === null ? [] : [toJudgement(record)];
    });
    const watched = watchShare(judgements, rule, stop);
    if (watched.side === null) continue;
    const { limit, confidence } = stop;
    // There is a first answer: the first look comes after at least one round.
    const { cell: model, evaluation } = asked[0] as WantedAnswer;
    const counts = { answers: asked.length, planned: wanted.length };
    return { end, stopped: { model, evaluation, limit, confidence, ...counts, ...watched } };
  }
  return { end: Infinity, stopped: null };
}
