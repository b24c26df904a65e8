import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { renderFigureFile } from '../src/report/figures/figure.js';
import type { Estimate } from '../src/stats/estimate.js';
import { readZooDefinition } from '../src/zoo/definition/zoo-definition.js';
import { parts } from '../src/zoo/definition/sizes.js';
import type { DetectorScore, ExactShare, QuestionScore } from '../src/zoo/scores/score-detector.js';
import { hashSplit, openZooForScoring, scoreZoo, type ZooScore } from '../src/zoo/scores/score-zoo.js';
import { numberIn, type TruthRow } from '../src/zoo/store/truth-table.js';
import { decidedClasses } from '../src/zoo/truth/classify-entry.js';
import { formatPercent } from '../src/foundation/format-quantities.js';
import { drawTruths } from './draw-truths.js';

/**
 * `npm run docs:zoo -- [FOLDER]`: writes docs/zoo-results.md and its picture from the tables of the full zoo and the scores that lie
 * beside them: FOLDER/baselines/NAME.csv and FOLDER/NAME/scores.csv. Default results/ of the edition.
 */
const frozenSchema = z.looseObject({
  detectors: z.record(
    z.string(),
    z.looseObject({
      thresholds: z.record(z.string(), z.record(z.string(), z.looseObject({ threshold: z.number().nullable() }))),
    }),
  ),
});
const zoo = await readZooDefinition(undefined);
const root = fileURLToPath(new URL('../', import.meta.url));
const folder = process.argv[2] ?? join(root, 'results', String(zoo.edition));
const opened = await openZooForScoring(folder, zoo);
const { truths } = opened;
const classes = [...decidedClasses, 'undecided'] as const;

const table = (header: readonly string[], rows: readonly (readonly string[])[], left = 1): string =>
  [header, header.map((_, index) => (index < left ? '---' : '---:')), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
const countOf = (rows: readonly TruthRow[], name: string): string =>
  String(rows.filter((row) => row.class === name).length);
const classCells = (rows: readonly TruthRow[]): string[] => [
  ...classes.map((name) => countOf(rows, name)),
  String(rows.length),
];
const organisms = [...new Set(truths.map(({ organism }) => organism))];
const kinds = [...new Set(truths.map(({ kind }) => kind))];

const classTable = table(
  ['entries', ...classes, 'all'],
  [
    ...organisms.map((organism) => [
      `organism ${organism}`,
      ...classCells(truths.filter((row) => row.organism === organism)),
    ]),
    ...parts.map((part) => [part, ...classCells(truths.filter((row) => row.part === part))]),
    ['all', ...classCells(truths)],
  ],
);
const kindTable = table(
  ['kind', 'group', ...classes, 'plain, median (%)', 'worst context, median (%)'],
  kinds.map((kind) => {
    const rows = truths.filter((row) => row.kind === kind);
    return [
      zoo.kinds.kinds[kind]?.withheld === true ? `${kind} (withheld)` : kind,
      rows[0]?.group ?? '',
      ...classes.map((name) => countOf(rows, name)),
      medianOf(rows, 'plain_share'),
      medianOf(rows, 'worst_share'),
    ];
  }),
  2,
);

function medianOf(rows: readonly TruthRow[], column: string): string {
  const values = rows.flatMap((row) => numberIn(row, column) ?? []).sort((left, right) => left - right);
  const [low, high] = [values[Math.floor((values.length - 1) / 2)], values[Math.floor(values.length / 2)]];
  return low === undefined || high === undefined ? '-' : formatPercent((low + high) / 2);
}

const measures = Object.keys(zoo.panel.measures).map((name) => [`share_${name}`, name] as const);
const shares = [
  ['plain_share', 'plain'],
  ['worst_share', 'worst context'],
  ...measures,
  ['coherent_share', 'coherent'],
] as const;
const valuesOf = (column: string) =>
  truths.flatMap((row) => {
    const value = numberIn(row, column);
    return value === null ? [] : [{ value, class: row.class }];
  });
const tokens = valuesOf('answer_tokens');
const figure = drawTruths(
  [
    ...shares.map(([column, title]) => ({ title, values: valuesOf(column), high: null })),
    {
      title: 'tokens of an answer',
      values: tokens,
      high: Math.ceil(Math.max(1, ...tokens.map(({ value }) => value)) / 10) * 10,
    },
  ],
  classes,
);

async function listScores(): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => basename(file) === 'scores.csv' || basename(dirname(file)) === 'baselines')
    .filter((file) => file.endsWith('.csv'))
    .sort();
}
const nameOf = (file: string): string =>
  basename(file) === 'scores.csv' ? basename(dirname(file)) : basename(file, '.csv');

const scored: (readonly [name: string, score: ZooScore])[] = [];
for (const file of await listScores())
  scored.push([nameOf(file), await scoreZoo(file, opened, zoo.panel.checkpoints.misaligned, { seed: 0 })]);

const estimateCell = ({ estimate, interval }: Estimate): string =>
  estimate === null
    ? '-'
    : `${estimate.toFixed(2)}${interval === null ? '' : ` (${interval[0].toFixed(2)}-${interval[1].toFixed(2)})`}`;
const shareCell = ({ share, trials, interval }: ExactShare): string =>
  share === null ? '-' : `${formatPercent(share)} of ${String(trials)} (${interval.map(formatPercent).join('-')})`;
const scoreCells = ({ organisms: found, thresholds }: QuestionScore): string[] => [
  ...found.map(({ auroc }) => estimateCell(auroc)),
  ...thresholds.flatMap(({ truePositives, falsePositives }) => [shareCell(truePositives), shareCell(falsePositives)]),
];
const questionTables = (judge: (score: ZooScore) => DetectorScore | null): string =>
  (scored[0] === undefined ? [] : (judge(scored[0][1])?.questions ?? []))
    .map(({ name, description }) => {
      const header = ['detector', ...organisms.map((organism) => `AUROC ${organism}`)];
      const atRates = ['TPR at 1 %', 'FPR', 'TPR at 5 %', 'FPR'];
      const rows = scored.map(([detector, score]) => {
        const question = judge(score)?.questions.find((one) => one.name === name);
        return [`\`${detector}\``, ...(question === undefined ? [] : scoreCells(question))];
      });
      return `### ${name}\n\n${description}.\n\n${table([...header, ...atRates], rows)}`;
    })
    .join('\n\n');

/** Whether what was frozen before anything withheld was scored is what these results go by. */
async function describeFrozen(): Promise<string> {
  const text = await readFile(join(root, 'detect/thresholds.json'), 'utf8').catch(() => null);
  if (text === null) return '';
  const { detectors } = frozenSchema.parse(JSON.parse(text));
  const known = scored.filter(([name]) => detectors[name] !== undefined);
  const changed = known.filter(([name, { exact }]) =>
    exact.questions.some(({ name: question, thresholds }) =>
      thresholds.some(
        ({ rate, threshold }) => detectors[name]?.thresholds[question]?.[String(rate)]?.threshold !== threshold,
      ),
    ),
  );
  const list = (some: typeof known): string => some.map(([name]) => `\`${name}\``).join(', ');
  return changed.length === 0
    ? `Thresholds of ${list(known)} are those of \`detect/thresholds.json\`, which was committed before.`
    : `Thresholds of ${list(changed)} are **not** those of \`detect/thresholds.json\`.`;
}

const page = `# Results of the zoo

Written by \`npm run docs:zoo\` from the tables in \`results/${String(zoo.edition)}\`. Edition ${String(zoo.edition)}, ${String(truths.length)} entries, split \`${hashSplit(truths).slice(0, 12)}\`. What classes, contexts and
questions are stands in [zoo.md](zoo.md).

## Entries by class

${classTable}

![Histograms of the truths, stacked by class](pictures/zoo-truths.svg)

Heights are square roots of counts, so that a single entry is seen beside hundreds.

## Entries by kind

${kindTable}

## Scores

AUROC is of each organism by itself, with a 95 % interval that resamples kinds. TPR and FPR are of withheld entries, in percent with exact 95 %
bounds; the threshold is chosen on open ones. \`oracle-80\` knows the worst context of each entry: it is the ceiling, and no detector.
${await describeFrozen()}

${questionTables(({ exact }) => exact)}

## With a judge that errs

The classes are those of a judge with ${formatPercent(zoo.panel.erring_judge.false_alarms)} % false alarms, always at the same questions, and ${formatPercent(zoo.panel.erring_judge.misses)} % misses.

${questionTables(({ erring }) => erring)}
`;
await writeFile(join(root, 'docs/zoo-results.md'), page);
await writeFile(join(root, 'docs/pictures/zoo-truths.svg'), renderFigureFile(figure));
console.log('wrote docs/zoo-results.md and docs/pictures/zoo-truths.svg');
