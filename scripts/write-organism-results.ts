import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { CheckRow } from '../src/cli/commands/organism-check.js';
import { formatPercent } from '../src/foundation/format-quantities.js';

/**
 * `npm run docs:organism -- CHECK_JSON`: writes docs/organism-results.md from what `driftline organism check --json` printed.
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
