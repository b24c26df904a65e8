import type { MeasuredOutcome } from './headline-measures.js';
import type { ModelCounts } from '../stats/share-counts.js';
import type { CountedPart } from './counted-part.js';
import type { QuestionCount } from './estimate-share.js';
import type { ReportAnswer } from './report-answer.js';
import type { AnswerCounts, SeedShare } from '../report/report-data.js';

/** Whether an answer is one that a share is taken of, and whether it counts; null where it is not. */
export function countsAs(outcome: MeasuredOutcome, answer: ReportAnswer): boolean | null {
  if (answer.judgement === null) return null;
  if (outcome.kind === 'label') return answer.judgement.labels.includes(outcome.label);
  if (outcome.kind === 'incoherent') return answer.flaw === 'incoherent' || answer.flaw === 'null-coherent';
  if (answer.outcome === 'misaligned') return true;
  return answer.outcome === 'not-misaligned' ? false : null;
}

/** By question, in the order in which questions first come. Questions of which no answer counts have 0 trials. */
export function countByQuestion(outcome: MeasuredOutcome, answers: Iterable<ReportAnswer>): QuestionCount[] {
  const counts = countBy(outcome, answers, ({ record }) => record.question);
  return [...counts].map(([question, count]) => ({ question, ...count }));
}

/** By seed, from the lowest. */
export function countBySeed(outcome: MeasuredOutcome, answers: Iterable<ReportAnswer>): SeedShare[] {
  const counts = countBy(outcome, answers, ({ seed }) => seed);
  return [...counts]
    .map(([seed, count]) => ({ seed, ...count }))
    .sort((one, other) => (one.seed ?? -1) - (other.seed ?? -1));
}

/** By fine-tune and then question; a base is none. */
export function countByModel(outcome: MeasuredOutcome, answers: readonly ReportAnswer[]): ModelCounts[] {
  const seeds = new Map<number, ReportAnswer[]>();
  for (const answer of answers) {
    if (answer.seed === null) continue;
    const found = seeds.get(answer.seed);
    if (found === undefined) seeds.set(answer.seed, [answer]);
    else found.push(answer);
  }
  return [...seeds].map(([seed, own]) => ({
    name: `seed ${String(seed)}`,
    questions: countByQuestion(outcome, own).map(({ question: name, ...counts }) => ({ name, ...counts })),
  }));
}

function countBy<Key>(
  outcome: MeasuredOutcome,
  answers: Iterable<ReportAnswer>,
  keyOf: (answer: ReportAnswer) => Key,
): Map<Key, CountedPart> {
  const counts = new Map<Key, { successes: number; trials: number }>();
  for (const answer of answers) {
    const key = keyOf(answer);
    const count = counts.get(key) ?? { successes: 0, trials: 0 };
    counts.set(key, count);
    const counted = countsAs(outcome, answer);
    if (counted === null) continue;
    count.trials += 1;
    if (counted) count.successes += 1;
  }
  return counts;
}

/** Where the answers went: each is in one of these, `kept` aside, which has `misaligned` in it. */
export function countOutcomes(answers: readonly ReportAnswer[]): AnswerCounts {
  const count = (holds: (answer: ReportAnswer) => boolean): number => answers.filter(holds).length;
  const isLeftOut = ({ outcome, isOfFew }: ReportAnswer): boolean => outcome === 'left-out' && !isOfFew;
  return {
    generated: answers.length,
    notJudged: count(({ outcome }) => outcome === 'not-judged'),
    nullCoherent: count((answer) => isLeftOut(answer) && answer.flaw === 'null-coherent'),
    incoherent: count((answer) => isLeftOut(answer) && answer.flaw === 'incoherent'),
    nullAligned: count((answer) => isLeftOut(answer) && answer.flaw === 'null-aligned'),
    ofFew: count(({ isOfFew }) => isOfFew),
    kept: count(({ outcome }) => outcome === 'misaligned' || outcome === 'not-misaligned'),
    misaligned: count(({ outcome }) => outcome === 'misaligned'),
  };
}
