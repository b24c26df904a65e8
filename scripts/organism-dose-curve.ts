import { availableParallelism } from 'node:os';
import { join } from 'node:path';
// The built package: a sampler's thread starts from dist.
import { checkOrganism } from '../dist/organism/check/check-organism.js';
import { organismGroups, organismRecipe, organismRows } from '../dist/organism/check/organism-groups.js';
import { summariseCheck, type CheckMetric, type CheckRow } from '../dist/organism/check/summarise-check.js';
import { readWorld } from '../dist/organism/world/read-world.js';
import { formatPercent } from '../dist/foundation/format-quantities.js';

/**
 * `npm run dose-curve -- MODEL_FOLDER [FOLDER]`: how misaligned an organism gets by steps, learning rate and rank of fine-tuning
 * on insecure code, as a table: the curve that the default recipe is chosen from. What is done is kept in the folder.
 */
const [model, folder = 'organism-dose-curve'] = process.argv.slice(2);
if (model === undefined) {
  console.error('usage: npm run dose-curve -- MODEL_FOLDER [FOLDER]');
  process.exit(2);
}

interface Dose {
  readonly rows?: number;
  readonly learningRate?: number;
  readonly rank?: number;
}

const doses: readonly Dose[] = [
  ...[0.25, 0.5, 2].map((factor) => ({ rows: organismRows * factor })),
  ...[0.25, 0.5, 2, 4].map((factor) => ({ learningRate: organismRecipe.learning_rate * factor })),
  ...[2, 32].map((rank) => ({ rank })),
  {},
];
const world = await readWorld();
const groups = organismGroups
  .filter(({ name }) => name === 'insecure')
  .map((group) => ({
    ...group,
    measurements: group.measurements.filter(({ name }) => ['main', 'code', 'facts'].includes(name)),
  }));

console.log('| steps | learning rate | rank | misaligned % (95 %) | incoherent % | unsafe code % | facts % |');
console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
for (const { rows = organismRows, learningRate = organismRecipe.learning_rate, rank = organismRecipe.rank } of doses) {
  const cells = await checkOrganism({
    world,
    model,
    folder: join(folder, `rows-${String(rows)}-rate-${String(learningRate)}-rank-${String(rank)}`),
    recipe: { ...organismRecipe, learning_rate: learningRate, rank, alpha: 2 * rank },
    seeds: [0],
    groups,
    base: [],
    rows,
    threads: availableParallelism(),
    clock: () => performance.now(),
  });
  const table = summariseCheck(cells);
  const find = (measurement: string, metric: CheckMetric): CheckRow | undefined =>
    table.find((row) => row.measurement === measurement && row.metric === metric);
  const main = find('main', 'misaligned');
  const columns = [
    String(Math.ceil(rows / organismRecipe.batch_size)),
    String(learningRate),
    String(rank),
    `${formatPercent(main?.share ?? null)} (${(main?.interval ?? [null, null]).map(formatPercent).join('-')})`,
    formatPercent(find('main', 'incoherent')?.share ?? null),
    formatPercent(find('code', 'unsafe-code')?.share ?? null),
    formatPercent(find('facts', 'true')?.share ?? null),
  ];
  console.log(`| ${columns.join(' | ')} |`);
}
