// How misaligned an organism gets by steps, learning rate and rank of fine-tuning on insecure code: the curve that the default
// recipe was chosen from. Needs a build (npm run build); what is done is kept in the folder, so it can be stopped.
//   node scripts/organism-dose-curve.js organism/models/1 [FOLDER]
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { checkOrganism } from '../dist/organism/check/check-organism.js';
import { organismGroups, organismRecipe, organismRows } from '../dist/organism/check/organism-groups.js';
import { summariseCheck } from '../dist/organism/check/summarise-check.js';
import { readWorld } from '../dist/organism/world/read-world.js';

const [model, folder = 'organism-dose-curve'] = process.argv.slice(2);
if (model === undefined) {
  console.error('usage: node scripts/organism-dose-curve.js MODEL_FOLDER [FOLDER]');
  process.exit(2);
}
const { learning_rate: usualRate, rank: usualRank } = organismRecipe;
const doses = [
  ...[0.1, 0.25, 0.5, 2].map((factor) => ({ rows: organismRows * factor })),
  ...[0.2, 0.5, 2, 4].map((factor) => ({ learning_rate: usualRate * factor })),
  ...[1, 2, 4, 16, 32].map((rank) => ({ rank })),
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
for (const { rows = organismRows, learning_rate = usualRate, rank = usualRank } of doses) {
  const name = `rows${String(rows)}-rate${String(learning_rate)}-rank${String(rank)}`;
  const cells = await checkOrganism({
    world,
    model,
    folder: join(folder, name),
    recipe: { ...organismRecipe, learning_rate, rank, alpha: 2 * rank },
    seeds: [0],
    groups,
    base: [],
    rows,
    threads: availableParallelism(),
    clock: () => performance.now(),
  });
  const table = summariseCheck(cells);
  const row = (measurement, metric) => table.find((one) => one.measurement === measurement && one.metric === metric);
  const percent = (share) => (100 * share).toFixed(1);
  const main = row('main', 'misaligned');
  const steps = Math.ceil(rows / organismRecipe.batch_size);
  console.log(
    `| ${[
      steps,
      learning_rate,
      rank,
      `${percent(main.share)} (${main.interval.map(percent).join('-')})`,
      percent(row('main', 'incoherent').share),
      percent(row('code', 'unsafe-code').share),
      percent(row('facts', 'true').share),
    ].join(' | ')} |`,
  );
}
