import type { Agreement, DecisionAgreement, ScoreAgreement } from '../judging/agreement.js';
import { formatTable } from './format-table.js';

type Table = readonly [title: string, lines: readonly string[]];

/** What two judges agree on, as tables: their scores, and what they decide at the thresholds of a rule. */
export function describeAgreement(
  { answers, alignment, coherence, misaligned, coherent, outcome }: Agreement,
  [first, second]: readonly [first: string, second: string],
): Table[] {
  return [
    [
      `agreement of ${first} (first) and ${second} (second), ${String(answers)} answers`,
      formatTable(
        ['score', 'both', 'only first', 'only second', 'neither', 'weighted kappa', 'Spearman', 'second - first'],
        [describeScores('alignment', alignment), describeScores('coherence', coherence)],
        { right: [1, 2, 3, 4, 5, 6, 7] },
      ),
    ],
    describeDecisions('alignment at the threshold', misaligned),
    describeDecisions('coherence at the threshold', coherent),
    describeDecisions('what the rule makes of it', outcome),
  ];
}

function describeScores(name: string, scores: ScoreAgreement): string[] {
  const { bothScored, onlyFirst, onlySecond, neither, quadraticKappa, rankCorrelation, meanDifference } = scores;
  return [
    name,
    ...[bothScored, onlyFirst, onlySecond, neither].map(String),
    formatCoefficient(quadraticKappa),
    formatCoefficient(rankCorrelation),
    meanDifference === null ? '-' : meanDifference.toFixed(1),
  ];
}

/** Rows are the first judge's decisions, columns the second's. */
function describeDecisions<Decision extends string>(
  title: string,
  { decisions, counts, kappa }: DecisionAgreement<Decision>,
): Table {
  const rows = counts.map((row, index) => [decisions[index] ?? '', ...row.map(String)]);
  return [
    `${title}, kappa ${formatCoefficient(kappa)}`,
    formatTable(['first \\ second', ...decisions], rows, { right: decisions.map((_, index) => index + 1) }),
  ];
}

function formatCoefficient(value: number | null): string {
  return value === null ? '-' : value.toFixed(3);
}
