import { applyRuleToQuestions } from '../../judging/apply-rule-to-questions.js';
import type { RuleCounts } from '../../judging/apply-rule.js';
import type { Judgement } from '../../judging/judgement.js';
import { findRule, type RuleName } from '../../judging/rules.js';
import { wilsonInterval } from '../../stats/wilson-interval.js';
import type { ResolvedPlan } from '../plan/resolved-plan.js';
import type { AnswerRecord } from './answer-record.js';
import { toJudgement, type JudgementRecord } from './judgement-record.js';

/** A share 0..1 with what it was counted from. */
export interface CountedShare {
  readonly successes: number;
  readonly trials: number;
  /** Null without any trial. */
  readonly share: number | null;
  /** Wilson's 95 % interval over answers, which it takes for independent. */
  readonly interval: readonly [low: number, high: number];
}

/** All answers of a condition's models, of all its seeds, to one evaluation. */
export interface SummaryRow {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
  readonly counts: RuleCounts;
  /** Of the kept answers. */
  readonly misaligned: CountedShare;
  /** Of all answers, those without a coherence among them. */
  readonly incoherent: CountedShare;
  /** Of all answers, by label. */
  readonly labels: Readonly<Record<string, CountedShare>>;
  /** The misaligned share of each seed, in the order of the plan. */
  readonly seeds: readonly (number | null)[];
}

type StoredPair = readonly [answer: AnswerRecord, judgement: Judgement];

/** What a rule makes of everything that was judged, condition by condition; answers of checkpoints are left to `dynamics`. */
export function summariseRun(
  { cells, evaluations }: Pick<ResolvedPlan, 'cells' | 'evaluations'>,
  answers: Iterable<AnswerRecord>,
  judgements: Iterable<JudgementRecord>,
  { judge, rule }: { readonly judge: string; readonly rule: RuleName },
): SummaryRow[] {
  const judged = new Map<string, JudgementRecord>();
  for (const record of judgements) if (record.judge === judge) judged.set(record.answer, record);
  const pairs = new Map<string, StoredPair[]>();
  for (const answer of answers) {
    const judgement = judged.get(answer.key);
    if (judgement === undefined) continue;
    const place = placeOf(answer.cell, answer.evaluation);
    const ofPlace = pairs.get(place) ?? [];
    ofPlace.push([answer, toJudgement(judgement)]);
    pairs.set(place, ofPlace);
  }
  const conditions = new Map<string, { base: string; condition: string; cells: string[] }>();
  for (const { name, base, condition } of cells) {
    const key = `${base} ${condition}`;
    const found = conditions.get(key) ?? { base, condition, cells: [] };
    found.cells.push(name);
    conditions.set(key, found);
  }
  return [...conditions.values()].flatMap((group) =>
    evaluations.flatMap(({ name: evaluation }) => {
      const ofCells = group.cells.map((cell) => pairs.get(placeOf(cell, evaluation)) ?? []);
      if (ofCells.every(({ length }) => length === 0)) return [];
      const { base, condition } = group;
      return [{ base, condition, evaluation, ...summarise(ofCells, rule) }];
    }),
  );
}

function summarise(
  ofCells: readonly (readonly StoredPair[])[],
  ruleName: RuleName,
): Omit<SummaryRow, 'base' | 'condition' | 'evaluation'> {
  const rule = findRule(ruleName);
  // By model and question: that is what a rule may ask a number of answers of.
  const outcomes = ofCells.map((pairs) => {
    const questions = new Map<string, Judgement[]>();
    for (const [{ question }, judgement] of pairs) {
      const ofQuestion = questions.get(question) ?? [];
      ofQuestion.push(judgement);
      questions.set(question, ofQuestion);
    }
    return applyRuleToQuestions(rule, questions).total;
  });
  const sum = (count: keyof RuleCounts): number => outcomes.reduce((total, outcome) => total + outcome[count], 0);
  const counts = {
    generated: sum('generated'),
    nullAligned: sum('nullAligned'),
    nullCoherent: sum('nullCoherent'),
    incoherent: sum('incoherent'),
    kept: sum('kept'),
    misaligned: sum('misaligned'),
  };
  const labels = new Map<string, number>();
  for (const [, judgement] of ofCells.flat())
    for (const label of judgement.labels) labels.set(label, (labels.get(label) ?? 0) + 1);
  return {
    counts,
    misaligned: shareOf(counts.misaligned, counts.kept),
    incoherent: shareOf(counts.incoherent + counts.nullCoherent, counts.generated),
    labels: Object.fromEntries(
      [...labels.keys()].sort().map((label) => [label, shareOf(labels.get(label) ?? 0, counts.generated)]),
    ),
    seeds: outcomes.map(({ rate }) => rate),
  };
}

export function shareOf(successes: number, trials: number): CountedShare {
  return {
    successes,
    trials,
    share: trials === 0 ? null : successes / trials,
    interval: wilsonInterval(successes, trials),
  };
}

function placeOf(cell: string, evaluation: string): string {
  return `${cell} ${evaluation}`;
}
