import { classifyJudgement, findRule, type Rule } from '../judging/rules.js';
import type { Judgement } from '../judging/judge.js';
import { shareSequence } from '../stats/share-sequence.js';
import type { StopEarly } from '../runs/run-outline.js';
import { type AnalysisInput, type ClassifiedAnswer, findJudgementsOf, type CountedRun } from './count-run.js';

/** What a confidence sequence says of a model's misaligned share after whole rounds of questions. */
interface WatchedShare {
  readonly successes: number;
  /** Kept answers, including those to questions with fewer than the rule needs. */
  readonly trials: number;
  readonly interval: readonly [low: number, high: number];
  /** The side of the limit on which the whole interval lies; null if it includes the limit. */
  readonly side: 'above' | 'below' | null;
}

/** Depends only on the judgements, and not on their order. */
export function watchShare(
  judgements: readonly Pick<Judgement, 'alignment' | 'coherence'>[],
  rule: Rule,
  { limit, confidence }: Pick<StopEarly, 'limit' | 'confidence'>,
): WatchedShare {
  const kept = judgements.map((judgement) => classifyJudgement(rule, judgement)).filter((one) => one.kept);
  const successes = kept.filter((one) => one.misaligned).length;
  const interval = shareSequence({ successes, trials: kept.length }, confidence);
  const [low, high] = interval;
  return { successes, trials: kept.length, interval, side: low > limit ? 'above' : high < limit ? 'below' : null };
}

/** A model that stopped early, because its share was clearly above or below the limit. */
export interface StoppedModel extends WatchedShare {
  readonly model: string;
  readonly evaluation: string;
  readonly limit: number;
  readonly confidence: number;
  readonly answers: number;
  /** Answers that the plan asks for. */
  readonly planned: number;
}

/**
 * Models that stopped early. The plan's own judge and rule decide that they did; what is known of them is by the judge and the rule that
 * count, which may leave the side open.
 */
export function listStoppedModels(
  input: Pick<AnalysisInput, 'plan' | 'ownJudge' | 'judgements' | 'findJudgement'>,
  { judge, rule, answers }: Pick<CountedRun, 'judge' | 'rule' | 'answers'>,
): StoppedModel[] {
  const { evaluations, cells, rule: ownRule } = input.plan;
  if (evaluations.every(({ stopEarly }) => stopEarly === undefined)) return [];
  const { find } = findJudgementsOf(input, input.ownJudge);
  return evaluations.flatMap(({ name: evaluation, stopEarly }) => {
    if (stopEarly === undefined) return [];
    const { limit, confidence, answers: planned } = stopEarly;
    const byModel = new Map(cells.map(({ name }) => [name, [] as ClassifiedAnswer[]]));
    for (const answer of answers)
      if (answer.record.evaluation === evaluation) byModel.get(answer.record.cell)?.push(answer);
    return [...byModel].flatMap(([model, own]): StoppedModel[] => {
      if (own.length >= planned) return [];
      const decisive = own.flatMap(({ record }) => find(record.key) ?? []);
      // A killed run has fewer answers, too, but nothing is clear yet.
      if (watchShare(decisive, findRule(ownRule), stopEarly).side === null) return [];
      const counted =
        judge === input.ownJudge ? decisive : own.flatMap(({ judgement }) => (judgement === null ? [] : [judgement]));
      const watched = watchShare(counted, findRule(rule), stopEarly);
      return [{ model, evaluation, limit, confidence, answers: own.length, planned, ...watched }];
    });
  });
}
