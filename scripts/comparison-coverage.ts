import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { bootstrapModels, bootstrapPaper } from '../src/stats/bootstrap-models.js';
import { type ClusterCounts, type ModelCounts, tallyClusters } from '../src/stats/share-counts.js';
import { clusterInterval } from '../src/stats/cluster-interval.js';
import { crossedInterval } from '../src/stats/crossed-interval.js';
import { differenceInDifferences } from '../src/stats/difference-in-differences.js';
import { pairedDifference } from '../src/stats/paired-difference.js';
import { poolSeeds } from '../src/stats/pool-seeds.js';
import { studentQuantile } from '../src/stats/student-distribution.js';
import {
  simulateComparison,
  simulateFineTunes,
  type Compared,
  type ComparisonCell,
  type FineTuneMethod,
  type KindsCell,
} from './simulate-comparisons.js';

/**
 * `npm run coverage`, second part: writes docs/comparison-coverage.md, on intervals of differences and over fine-tunes. With the argument
 * `differences` it leaves what the page says of fine-tunes, which takes longest, as it is.
 */

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
/** Shares of the tuned model and its base on questions that stand out, and on the others. */
const twoPoints = [
  { part: 0.25, out: [0.75, 0.1], others: [0.05, 0] },
  { part: 0.25, out: [0.8, 0.5], others: [0.05, 0.03] },
  { part: 0.25, out: [0.5, 0.5], others: [0.03, 0.03] },
  { part: 0.4, out: [0.8, 0.4], others: [0.05, 0.02] },
  { part: 0.5, out: [0.6, 0.3], others: [0.1, 0.05] },
  { part: 0.125, out: [0.9, 0.5], others: [0.02, 0.01] },
];
const twoPointFours = [
  { part: 0.4, out: [0.75, 0.4, 0.2, 0.1], others: [0.05, 0.02, 0, 0] },
  { part: 0.5, out: [0.6, 0.3, 0.3, 0.3], others: [0.1, 0.05, 0.05, 0.05] },
];
const unlikePairs = [
  [0.05, 0.01],
  [0.2, 0.05],
  [0.2, 0.2],
  [0.5, 0.2],
];
const repeats = { pairs: 300, unlike: 200, fours: 150, fineTunes: 400 };

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
type Conditions = readonly (readonly ClusterCounts[])[];
const minus = ([first, second]: readonly number[]): number => first! - second!;
const minusMinus = ([treated, control, baseTreated, baseControl]: readonly number[]): number =>
  treated! - control! - (baseTreated! - baseControl!);
const comparePair = ([first, second]: Conditions) => pairedDifference(first!, second!, options);
const compareFour = ([treated, control, baseTreated, baseControl]: Conditions) =>
  differenceInDifferences(
    { treated: treated!, control: control!, baseTreated: baseTreated!, baseControl: baseControl! },
    options,
  );
/** d -+ t SE of the questions' differences, whose signs are given by condition. */
function studentInterval(
  conditions: Conditions,
  signs: readonly number[],
): { interval: [number, number]; pValue: null } {
  const differences = conditions[0]!.map((_, question) =>
    conditions.reduce((sum, questions, index) => {
      const { successes, trials } = questions[question]!;
      return sum + (signs[index]! * successes) / trials;
    }, 0),
  );
  const count = differences.length;
  const middle = differences.reduce((sum, value) => sum + value, 0) / count;
  const squares = differences.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  const reach = studentQuantile(0.975, count - 1) * Math.sqrt(squares / (count - 1) / count);
  return { interval: [middle - reach, middle + reach], pValue: null };
}

interface Unlike {
  readonly cell: ComparisonCell | KindsCell;
  readonly measured: Compared;
  readonly student: Compared;
  /** Least coverage of the conditions' own intervals. */
  readonly least: number;
}

/** Questions very unlike each other, the same ones on all sides. */
function measureUnlike(cell: ComparisonCell | KindsCell, isPair: boolean): Unlike {
  const [combine, compare] = isPair ? [minus, comparePair] : [minusMinus, compareFour];
  const count = isPair ? repeats.unlike : repeats.fours;
  const signs = isPair ? [1, -1] : [1, -1, -1, 1];
  const alone = signs.map(
    (_, index) =>
      simulateComparison(
        cell,
        count,
        seed,
        (rates) => rates[index]!,
        (conditions) => ({ interval: clusterInterval(conditions[index]!).interval, pValue: null }),
      ).covered,
  );
  return {
    cell,
    measured: simulateComparison(cell, count, seed, combine, compare),
    student: simulateComparison(cell, count, seed, combine, (conditions) => studentInterval(conditions, signs)),
    least: Math.min(...alone),
  };
}

const kindsCells = (worlds: typeof twoPoints, numbers: readonly number[]): KindsCell[] =>
  numbers.flatMap((questions) =>
    worlds.map(({ part, out, others }) => ({
      questions,
      answers: 100,
      kinds: [
        { part, shares: out },
        { part: 1 - part, shares: others },
      ],
    })),
  );
const betaCells: ComparisonCell[] = [8, 24].flatMap((questions) =>
  unlikePairs.flatMap((rates) =>
    [0.64, 0.8].map((correlation) => ({ questions, answers: 100, rates, correlation, likeness: 1 })),
  ),
);
const unlike = [...kindsCells(twoPoints, [5, 8, 24, 100]), ...betaCells].map((cell) => measureUnlike(cell, true));
console.error(`unlike pairs: ${extremes(unlike.map(({ measured }) => measured.covered))}`);
const unlikeFours = kindsCells(twoPointFours, [8, 24]).map((cell) => measureUnlike(cell, false));

const paired = cellsOf(pairs).map((cell) => ({
  cell,
  ...simulateComparison(cell, repeats.pairs, seed, minus, comparePair),
}));
console.error(`pairs: ${extremes(paired.map(({ covered }) => covered))}`);
const doubled = cellsOf(fours).map((cell) => ({
  cell,
  ...simulateComparison(cell, repeats.fours, seed, minusMinus, compareFour),
}));
console.error(`fours: ${extremes(doubled.map(({ covered }) => covered))}`);

const comparisonRows = (measured: typeof paired): string =>
  measured
    .map(({ cell, truth, covered, width, rejected }) => {
      const rates = cell.rates.map((rate) => String(100 * rate)).join(', ');
      const none = Math.abs(truth) < 1e-9;
      return `| ${[cell.questions, rates, cell.correlation, cell.likeness, bold(covered), percent(width), none ? percent(rejected) : ''].join(' | ')} |`;
    })
    .join('\n');
const describeWorld = (cell: ComparisonCell | KindsCell): string => {
  if (!('kinds' in cell))
    return `${cell.rates.map((rate) => String(100 * rate)).join(', ')}; correlation ${String(cell.correlation)}`;
  const [out, others] = cell.kinds.map(({ shares }) =>
    shares.map((share) => String(Math.round(100 * share))).join(', '),
  );
  return `${percent(cell.kinds[0]!.part)} %: ${out!}; others: ${others!}`;
};
const unlikeRows = (rows: readonly Unlike[]): string =>
  rows
    .map(({ cell, measured, student, least }) => {
      const numbers = [bold(measured.covered), percent(measured.above), bold(student.covered), bold(least)];
      return `| ${[cell.questions, describeWorld(cell), ...numbers, percent(measured.width)].join(' | ')} |`;
    })
    .join('\n');
const sound = [...unlike, ...unlikeFours].filter(({ least }) => least >= 0.935);
const behind = Math.max(
  ...[...unlike, ...unlikeFours].map(({ measured, student }) => student.covered - measured.covered),
);
const rejections = (measured: typeof paired, questions: number): string =>
  extremes(
    measured
      .filter(({ cell, truth }) => Math.abs(truth) < 1e-9 && cell.questions === questions)
      .map(({ rejected }) => rejected),
  );
const file = path.resolve(import.meta.dirname, '..', 'docs', 'comparison-coverage.md');
const heading = '## Over fine-tunes';

function describeFineTunes(): string {
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

  console.error(`seeds: ${ofFineTunes('crossedInterval', 3)} with three fine-tunes`);
  return `${heading}

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
}

async function readFineTunes(): Promise<string> {
  const page = await readFile(file, 'utf8');
  return page.slice(page.indexOf(heading));
}

const fineTunesText = process.argv.includes('differences') ? await readFineTunes() : describeFineTunes();
const page = `# How often intervals of differences, and over fine-tunes, hold

Written by \`npm run coverage\` (seed ${String(seed)}), as [interval-coverage.md](interval-coverage.md) is, which is about single rates. Questions have
shares drawn from beta distributions; *correlation* is that of two answers to one question, *likeness* how far a question that stands out in one
condition stands out in the other (Gaussian copula). ${String(answers)} answers a question; percent, widths in percentage points, bold below 93.5.

## Differences of two conditions

\`pairedDifference\`, ${String(repeats.pairs)} experiments a cell, so that a true 95 % shows as 92.5 to 97.5. Measured: ${extremes(paired.map(({ covered }) => covered))} over
${String(paired.length)} cells. Rare successes and few questions make it cover more than it would have to. *p* is how often its p-value is at most 0.05 where
nothing differs, which 5 % at most should be: ${rejections(paired, 8)} with 8 questions.

| questions | rates | correlation | likeness | covered | width | p |
| ---: | --- | ---: | ---: | ---: | ---: | ---: |
${comparisonRows(paired)}

## Differences of differences

\`differenceInDifferences\`, ${String(repeats.fours)} experiments a cell, so that a true 95 % shows as 91.5 to 98.5. Rates are those of the treated and the control, then of both
at base. Measured: ${extremes(doubled.map(({ covered }) => covered))} over ${String(doubled.length)} cells.

| questions | rates | correlation | likeness | covered | width | p |
| ---: | --- | ---: | ---: | ---: | ---: | ---: |
${comparisonRows(doubled)}

## Questions that are very unlike, the same ones on both sides

As when two misaligned fine-tunes are compared: the same questions stand out on both sides, by far. *Questions* are of two kinds, of which one stands
out (how many do, shares of the tuned model and its base there, then on the others), or have beta distributions with likeness 1. 100 answers a question,
${String(repeats.unlike)} experiments a cell, so that a true 95 % shows as 92 to 98. *Above* is how often the whole interval lies above the truth, which 2.5 % should be.
*Student* is how often Student's interval on the questions' differences covers, *alone* how often \`clusterInterval\` does, of the side where it does so less often.

In the ${String(sound.length)} cells, those of four conditions included, where \`clusterInterval\` covers at least 93.5 % on every side, the difference is covered ${extremes(sound.map(({ measured }) => measured.covered))};
it lies above the truth at most ${percent(Math.max(...sound.map(({ measured }) => measured.above)))} %. Elsewhere no interval can know: experiments that happen to have no question of the rare kind do not show that
there is one. In no cell does Student's interval cover more by over ${percent(Math.max(0, behind))} points.

| questions | shares | covered | above | Student | alone | width |
| ---: | --- | ---: | ---: | ---: | ---: | ---: |
${unlikeRows(unlike)}

Differences of differences, ${String(repeats.fours)} experiments a cell, shares as above, those of the treated and the control, then of both at base:

| questions | shares | covered | above | Student | alone | width |
| ---: | --- | ---: | ---: | ---: | ---: | ---: |
${unlikeRows(unlikeFours)}

${fineTunesText}`;
await writeFile(file, page);
