import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bootstrapModels, bootstrapPaper } from '../src/stats/bootstrap-models.js';
import { type ModelCounts, tallyClusters } from '../src/stats/share-counts.js';
import { clusterInterval } from '../src/stats/cluster-interval.js';
import { crossedInterval } from '../src/stats/crossed-interval.js';
import { differenceInDifferences } from '../src/stats/difference-in-differences.js';
import { pairedDifference } from '../src/stats/paired-difference.js';
import { poolSeeds } from '../src/stats/pool-seeds.js';
import {
  simulateComparison,
  simulateFineTunes,
  type ComparisonCell,
  type FineTuneMethod,
} from './simulate-comparisons.js';

/** `npm run coverage`, second part: writes docs/comparison-coverage.md, on intervals of differences and over fine-tunes. */

const seed = 21;
const answers = 50;
const numbersOfQuestions = [8, 24, 48];
const correlations = [0.1, 0.25];
const likenesses = [0, 0.7];
const pairs = [
  [0.01, 0.01],
  [0.05, 0.01],
  [0.2, 0.01],
  [0.2, 0.2],
  [0.5, 0.2],
];
const fours = [
  [0.01, 0.01, 0.01, 0.01],
  [0.05, 0.01, 0.01, 0.01],
  [0.2, 0.01, 0.01, 0.01],
  [0.2, 0.2, 0.2, 0.2],
  [0.5, 0.2, 0.1, 0.05],
];
const repeats = { pairs: 1000, fours: 400, fineTunes: 400 };

const percent = (share: number): string => (100 * share).toFixed(1);
const bold = (share: number): string => (share < 0.935 ? `**${percent(share)}**` : percent(share));
const extremes = (covered: readonly number[]): string =>
  `${percent(Math.min(...covered))} to ${percent(Math.max(...covered))} %`;

const cellsOf = (rates: readonly (readonly number[])[]): ComparisonCell[] =>
  numbersOfQuestions.flatMap((questions) =>
    rates.flatMap((each) =>
      correlations.flatMap((correlation) =>
        likenesses.map((likeness) => ({ questions, answers, rates: each, correlation, likeness })),
      ),
    ),
  );
// Permutations are the least there may be: intervals do not need them, and p-values up to 14 questions do not draw them.
const options = { seed: 0, permutations: 99 };
const paired = cellsOf(pairs).map((cell) => ({
  cell,
  ...simulateComparison(
    cell,
    repeats.pairs,
    seed,
    ([first, second]) => first! - second!,
    ([first, second]) => pairedDifference(first!, second!, options),
  ),
}));
console.error(`pairs: ${extremes(paired.map(({ covered }) => covered))}`);
const doubled = cellsOf(fours).map((cell) => ({
  cell,
  ...simulateComparison(
    cell,
    repeats.fours,
    seed,
    ([treated, control, baseTreated, baseControl]) => treated! - control! - (baseTreated! - baseControl!),
    ([treated, control, baseTreated, baseControl]) =>
      differenceInDifferences(
        { treated: treated!, control: control!, baseTreated: baseTreated!, baseControl: baseControl! },
        options,
      ),
  ),
}));
console.error(`fours: ${extremes(doubled.map(({ covered }) => covered))}`);

const totalsOf = (models: readonly ModelCounts[]) =>
  models.map(({ name, questions }) => {
    const { k, n } = tallyClusters(questions);
    return { name, successes: k, trials: n };
  });
/** All fine-tunes' answers to a question as one cluster: knows of other questions, not of other seeds. */
const overQuestions = (models: readonly ModelCounts[]) =>
  models[0]!.questions.map(({ name }, question) => ({
    name,
    successes: models.reduce((sum, { questions }) => sum + questions[question]!.successes, 0),
    trials: models.reduce((sum, { questions }) => sum + questions[question]!.trials, 0),
  }));
const resamples = 500;
const fineTuneMethods: readonly FineTuneMethod[] = [
  { name: 'poolSeeds', target: 'other seeds', interval: (models) => poolSeeds(totalsOf(models)).interval },
  {
    name: 'bootstrapPaper',
    target: 'other seeds',
    interval: (models, repeat) => bootstrapPaper(models, { seed: repeat, resamples }).interval,
  },
  {
    name: 'bootstrapModels',
    target: 'other seeds and questions',
    interval: (models, repeat) => bootstrapModels(models, { seed: repeat, resamples }).interval,
  },
  {
    name: 'crossedInterval',
    target: 'other seeds and questions',
    interval: (models) => crossedInterval(models).interval,
  },
  {
    name: 'clusterInterval over questions',
    target: 'other seeds and questions',
    interval: (models) => clusterInterval(overQuestions(models)).interval,
  },
];
const fineTunes = [2, 3, 6, 10].flatMap((models) =>
  [8, 24].flatMap((questions) =>
    [0.05, 0.2, 0.5].flatMap((rate) =>
      [
        ...[0.01, 0.05, 0.15].map((seedCorrelation) => ({ answers, correlation: 0.25, seedCorrelation })),
        // Little tells seeds, questions and chance apart here.
        { answers: 5, correlation: 0.02, seedCorrelation: 0.05 },
      ].map((design) => {
        const cell = { models, questions, rate, ...design };
        return { cell, methods: simulateFineTunes(cell, fineTuneMethods, repeats.fineTunes, seed) };
      }),
    ),
  ),
);

const comparisonRows = (measured: typeof paired): string =>
  measured
    .map(({ cell, truth, covered, width, rejected }) => {
      const rates = cell.rates.map((rate) => String(100 * rate)).join(', ');
      const none = Math.abs(truth) < 1e-9;
      return `| ${[cell.questions, rates, cell.correlation, cell.likeness, bold(covered), percent(width), none ? percent(rejected) : ''].join(' | ')} |`;
    })
    .join('\n');
const rejections = (measured: typeof paired, questions: number): string =>
  extremes(
    measured
      .filter(({ cell, truth }) => Math.abs(truth) < 1e-9 && cell.questions === questions)
      .map(({ rejected }) => rejected),
  );
const fineTuneRows = fineTunes
  .map(({ cell, methods }) => {
    const numbers = methods.map(({ covered, width }) => `${bold(covered)} (${percent(width)})`);
    return `| ${[cell.models, cell.questions, cell.answers, cell.rate * 100, cell.seedCorrelation, ...numbers].join(' | ')} |`;
  })
  .join('\n');
const ofFineTunes = (name: string, models: number): string =>
  extremes(
    fineTunes
      .filter(({ cell }) => cell.models === models)
      .map(({ methods }) => methods.find((method) => method.name === name)!.covered),
  );
const fineTuneSummary = fineTuneMethods
  .map(({ name, target }) => `| ${[name, target, ...[2, 3, 6, 10].map((n) => ofFineTunes(name, n))].join(' | ')} |`)
  .join('\n');

const page = `# How often intervals of differences, and over fine-tunes, hold

Written by \`npm run coverage\` (seed ${String(seed)}), as [interval-coverage.md](interval-coverage.md) is, which is about single rates. Questions have
shares drawn from beta distributions; *correlation* is that of two answers to one question, *likeness* how far a question that stands out in one
condition stands out in the other (Gaussian copula). ${String(answers)} answers a question; percent, widths in percentage points, bold below 93.5.

## Differences of two conditions

\`pairedDifference\`, ${String(repeats.pairs)} experiments a cell, so that a true 95 % shows as 93.6 to 96.4. Measured: ${extremes(paired.map(({ covered }) => covered))} over
${String(paired.length)} cells. Rare successes and few questions make it cover more than it would have to. *p* is how often its p-value is at most 0.05 where
nothing differs, which 5 % at most should be: ${rejections(paired, 8)} with 8 questions.

| questions | rates | correlation | likeness | covered | width | p |
| ---: | --- | ---: | ---: | ---: | ---: | ---: |
${comparisonRows(paired)}

## Differences of differences

\`differenceInDifferences\`, ${String(repeats.fours)} experiments a cell, so that a true 95 % shows as 92.9 to 97.1. Rates are those of the treated and the control, then of both
at base. Measured: ${extremes(doubled.map(({ covered }) => covered))} over ${String(doubled.length)} cells.

| questions | rates | correlation | likeness | covered | width | p |
| ---: | --- | ---: | ---: | ---: | ---: | ---: |
${comparisonRows(doubled)}

## Over fine-tunes

Fine-tunes of one condition have rates of their own, from a beta distribution around the rate: *seeds* is the correlation that this makes between two
answers of one fine-tune. At a rate of 20 %, 0.01 is a standard deviation of 4 points between seeds, 0.05 of 9, 0.15 of 15. Questions that stand out do so in all
fine-tunes, with a correlation of 0.25, or of 0.02 where there are only 5 answers to each. ${String(repeats.fineTunes)} experiments a cell. What each interval is held against, and the least and the most that it covers by
the number of fine-tunes:

| method | held against the rate of | 2 | 3 | 6 | 10 |
| --- | --- | --- | --- | --- | --- |
${fineTuneSummary}

\`crossedInterval\` is the one to quote where seeds are to be spoken of: it takes seeds and questions for draws that cross, and lets a few seeds leave open what others
would do. That makes it wide with two or three of them, and only more fine-tunes make it narrower. The others hold less. A bootstrap of few fine-tunes
cannot know how much they differ, which is why \`poolSeeds\`, with Student's t, is so
much wider; where misalignment is rare and seeds are very unlike, a few of them may all lack what others show, and it covers too little as well. \`bootstrapModels\`
draws questions anew in each fine-tune, as if each had been asked others. \`clusterInterval\` over questions has the answers of all
fine-tunes to a question as one cluster, and is about these fine-tunes: the more seeds differ, the less it covers of what others would come to. In brackets the mean width.

| fine-tunes | questions | answers | rate | seeds | ${fineTuneMethods.map(({ name }) => name).join(' | ')} |
| ---: | ---: | ---: | ---: | ---: | ${fineTuneMethods.map(() => '---:').join(' | ')} |
${fineTuneRows}
`;
await writeFile(path.resolve(import.meta.dirname, '..', 'docs', 'comparison-coverage.md'), page);
console.error(`seeds: ${ofFineTunes('crossedInterval', 3)} with three fine-tunes`);
