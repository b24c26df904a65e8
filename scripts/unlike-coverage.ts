import { clusterInterval } from '../src/stats/cluster-interval.js';
import { simulateComparison, type ComparisonCell, type KindsCell } from './simulate-comparisons.js';

const repeats = 300;
const answers = 150;
const numbersOfQuestions = [8, 24, 48];
const correlations = [0.64, 0.8];
const rates = [0.05, 0.1, 0.2, 0.5];
/** A few questions that stand out, with the chance of each to be one, and all others. */
const kinds = [
  { part: 0.25, out: 0.75, others: 0.05 },
  { part: 0.125, out: 0.9, others: 0.02 },
  { part: 0.1, out: 0.9, others: 0 },
];

const percent = (share: number): string => (100 * share).toFixed(1);
const bold = (share: number): string => (share < 0.935 ? `**${percent(share)}**` : percent(share));

function measureRow(cell: ComparisonCell | KindsCell, world: string, seed: number): { covered: number; row: string } {
  const { covered, above, width } = simulateComparison(
    cell,
    repeats,
    seed,
    ([share]) => share!,
    ([questions]) => ({ interval: clusterInterval(questions!).interval, pValue: null }),
  );
  const numbers = [bold(covered), percent(1 - covered - above), percent(above), percent(width)];
  return { covered, row: `| ${[cell.questions, world, ...numbers].join(' | ')} |` };
}

/** The part of docs/interval-coverage.md about questions that are more unlike than its claims reach. */
export function renderUnlikeQuestions(seed: number): string {
  const beta = numbersOfQuestions.flatMap((questions) =>
    correlations.flatMap((correlation) =>
      rates.map((rate) => {
        const cell = { questions, answers, rates: [rate], correlation, likeness: 0 };
        return measureRow(cell, `beta, ${percent(rate)} %, correlation ${String(correlation)}`, seed);
      }),
    ),
  );
  const twoKinds = numbersOfQuestions.flatMap((questions) =>
    kinds.map(({ part, out, others }) => {
      const cell = {
        questions,
        answers,
        kinds: [
          { part, shares: [out] },
          { part: 1 - part, shares: [others] },
        ],
      };
      return measureRow(cell, `${percent(part)} % at ${percent(out)} %, others at ${percent(others)} %`, seed);
    }),
  );
  const least = (rows: readonly { covered: number }[]): string =>
    percent(Math.min(...rows.map(({ covered }) => covered)));
  return `## Questions that are very unlike

Beyond the claims: correlations of 0.64 and 0.8, and questions of two kinds, of which a few stand out and nothing lies between. Real runs have such questions: a correlation of 0.64, with
one question of eight at 89 %, has been seen. ${String(answers)} answers a question, ${String(repeats)} experiments a cell, so that a true 95 % shows as 92.5 to 97.5. *Below* is how often the whole interval lies below
the rate, *above* how often above it. \`clusterInterval\` covers ${least(beta)} % at least with beta distributions here, and ${least(twoKinds)} % at least with two kinds. Where it misses, it nearly
always lies below the rate: if one question of ten is at 90 %, then 8 questions have none of that kind in 43 of 100 experiments, and nothing in their answers shows that there is one.
No interval can know; only more questions help.

| questions | world | covered | below | above | width |
| ---: | --- | ---: | ---: | ---: | ---: |
${[...beta, ...twoKinds].map(({ row }) => row).join('\n')}
`;
}
