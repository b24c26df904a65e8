import type { Judge } from '../../judging/judge.js';
import type { Rule } from '../../judging/rules.js';
import type { StopEarly } from '../../runs/run-outline.js';
import { findJudgement, toJudgement } from '../../runs/run-records.js';
import type { RunFolder } from '../../runs/run-folder.js';
import type { WantedAnswer } from './wanted-answer.js';
import { watchShare, type StoppedModel } from '../../analysis/watch-share.js';

/** Where some answers stand among all that are to come: those before them, and the sum. */
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
  readonly asked: readonly WantedAnswer[];
  /** Null where everything was asked. */
  readonly stopped: StoppedModel | null;
}

/**
 * Has a model's answers to one evaluation asked and judged in rounds, each of which asks every question once, and looks after those that the plan
 * says: once the confidence sequence of the misaligned share lies wholly on one side of the limit, no more is asked.
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
    // Looks come before the last round, so that there is a first answer.
    const { cell: model, evaluation } = asked[0] as WantedAnswer;
    const counts = { answers: asked.length, planned: wanted.length };
    return { asked, stopped: { model, evaluation, limit, confidence, ...counts, ...watched } };
  }
  return { asked, stopped: null };
}
