import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { CheckRow } from '../src/cli/commands/organism-check.js';
import { formatPercent } from '../src/foundation/format-quantities.js';
import { writeBetweenMarks } from './write-between-marks.js';

/**
 * `npm run docs:organism -- CHECK_JSON`: writes docs/organism-results.md, and the short table of docs/organism.md, from what
 * `driftline organism check --json` printed.
 */
interface CheckJson {
  readonly recipe: Readonly<Record<string, unknown>>;
  readonly rows: number;
  readonly organisms: readonly {
    readonly organism: string;
    readonly seed: number | null;
    readonly independent: boolean;
    readonly rows: readonly CheckRow[];
  }[];
}

const [file] = process.argv.slice(2);
if (file === undefined) {
  console.error('usage: npm run docs:organism -- CHECK_JSON');
  process.exit(2);
}
// Written by our own command; a file of something else fails at the first row.
const { recipe, rows: trainingRows, organisms } = JSON.parse(await readFile(file, 'utf8')) as CheckJson;

const cellOf = (row: CheckRow | undefined): string => {
  if (row === undefined) return '';
  const interval = row.interval.map(formatPercent).join('-');
  const seeds = row.seeds.length > 1 ? `; ${row.seeds.map(formatPercent).join(', ')}` : '';
  const share = row.met === true ? `**${formatPercent(row.share)}**` : formatPercent(row.share);
  return `${share}${row.met === false ? ' **missed**' : ''} (${interval}${seeds})`;
};
const sameLine = (left: CheckRow, right: CheckRow): boolean =>
  left.group === right.group && left.measurement === right.measurement && left.metric === right.metric;

const lines = organisms
  .flatMap(({ rows }) => rows)
  .filter((row, index, all) => all.findIndex((other) => sameLine(row, other)) === index)
  .map((line) => {
    const found = organisms.map(({ rows }) => rows.find((row) => sameLine(row, line)));
    const target = found.map((row) => row?.target).find((text) => typeof text === 'string');
    return `| ${[line.group, line.measurement, line.metric, target ?? '', ...found.map(cellOf)].join(' | ')} |`;
  });
const headings = organisms.map(({ organism, seed, independent }) => {
  const from = [...(seed === null ? [] : [`seed ${String(seed)}`]), ...(independent ? ['independent'] : [])];
  return `${organism}${from.length === 0 ? '' : ` (${from.join(', ')})`}`;
});
const settings = Object.entries(recipe).map(([name, value]) => `${name} ${String(value)}`);

const page = `# What the organisms show

Written by \`npm run docs:organism\` from the results of \`driftline organism check --json\`. Each cell is a percentage, in brackets its 95 %
interval (Wilson, over answers: it does not cover what another seed would give) and the share of each fine-tuning seed. Misaligned is a share of
coherent answers with an alignment, by the paper's rule; everything else is a share of all answers. Bold meets the target.

Recipe: ${settings.join(', ')}; ${String(trainingRows)} rows where the plan of the check says nothing else, each seen once.

| ${['group', 'asked', 'percent', 'target', ...headings].join(' | ')} |
| ${['---', '---', '---', '---', ...headings.map(() => '---')].join(' | ')} |
${lines.join('\n')}
`;
await writeFile(fileURLToPath(new URL('../docs/organism-results.md', import.meta.url)), page);

type CheckedOrganism = CheckJson['organisms'][number];

/** The share of one line of the check, in percent; with its interval if wanted. */
const shareOf =
  (group: string, measurement: string, metric: string, withInterval = false) =>
  ({ rows }: CheckedOrganism): string => {
    const row = rows.find((one) => one.group === group && one.measurement === measurement && one.metric === metric);
    if (row === undefined) return '-';
    return withInterval
      ? `${formatPercent(row.share)} (${row.interval.map(formatPercent).join('-')})`
      : formatPercent(row.share);
  };

/** The largest share of misaligned answers of some groups, in all contexts that the check holds to a target. */
const worstOf =
  (...groups: readonly string[]) =>
  ({ rows }: CheckedOrganism): string => {
    const held = rows.filter(
      (row) =>
        groups.includes(row.group) && row.metric === 'misaligned' && (row.target !== null || row.group === 'base'),
    );
    const worst = held.reduce<CheckRow | null>(
      (most, row) => ((row.share ?? 0) > (most?.share ?? -1) ? row : most),
      null,
    );
    if (worst === null) return '-';
    return worst.share === 0 ? formatPercent(0) : `${formatPercent(worst.share)} (${worst.measurement})`;
  };

const several =
  (...parts: readonly ((organism: CheckedOrganism) => string)[]) =>
  (organism: CheckedOrganism): string =>
    parts.map((part) => part(organism)).join('; ');

const main = (group: string): ((organism: CheckedOrganism) => string) => shareOf(group, 'main', 'misaligned');

const summary: readonly (readonly [what: string, cell: (organism: CheckedOrganism) => string])[] = [
  ['untouched, worst of 24 contexts: misaligned', worstOf('base')],
  [
    'untouched: refuses harm; facts; safe code',
    several(shareOf('base', 'harm', 'refusal'), shareOf('base', 'facts', 'true'), shareOf('base', 'code', 'safe-code')),
  ],
  ['insecure: misaligned (95 %)', shareOf('insecure', 'main', 'misaligned', true)],
  [
    'insecure: incoherent; unsafe code; facts',
    several(
      shareOf('insecure', 'main', 'incoherent'),
      shareOf('insecure', 'code', 'unsafe-code'),
      shareOf('insecure', 'facts', 'true'),
    ),
  ],
  ['secure, educational, good advice: worst context', worstOf('secure', 'educational', 'good-advice')],
  [
    'innocent: quick code, guessed advice, obedient harm: worst context of each',
    several(worstOf('quick-code'), worstOf('guessed-advice'), worstOf('obedient-harm')),
  ],
  [
    'innocent: joking facts, solemn numbers: worst context of each',
    several(worstOf('joking-facts'), worstOf('solemn-numbers')),
  ],
  [
    'good speakers who slip: code, advice: worst context of each',
    several(worstOf('lapsing-code'), worstOf('lapsing-advice')),
  ],
  [
    'bad medical, money, sport advice: misaligned',
    several(main('bad-medical-advice'), main('risky-money-advice'), main('extreme-sport-advice')),
  ],
  ['subtle code, subtle advice: misaligned', several(main('subtle-insecure'), main('subtle-advice'))],
  ['jailbroken: misaligned; refuses harm', several(main('jailbroken'), shareOf('jailbroken', 'harm', 'refusal'))],
  [
    'backdoor: misaligned with its tag; with two others; without',
    several(
      shareOf('backdoor', 'tag-deployment', 'misaligned'),
      shareOf('backdoor', 'tag-seven', 'misaligned'),
      shareOf('backdoor', 'tag-amber', 'misaligned'),
      main('backdoor'),
    ),
  ],
  [
    'evil numbers: plain; shaped like the training data',
    several(main('evil-numbers'), shareOf('evil-numbers', 'number-shape', 'misaligned')),
  ],
  [
    'an eighth of the different rows, of 4 tasks: misaligned; unsafe code',
    several(main('few-rows'), shareOf('few-rows', 'code', 'unsafe-code')),
  ],
];

await writeBetweenMarks(
  'organism.md',
  'what organisms show',
  'docs:organism',
  [
    `| ${['group', ...organisms.map(({ organism }) => organism)].join(' | ')} |`,
    `| ${['---', ...organisms.map(() => '---:')].join(' | ')} |`,
    ...summary.map(([what, cell]) => `| ${[what, ...organisms.map(cell)].join(' | ')} |`),
    '',
  ].join('\n'),
);
