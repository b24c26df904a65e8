import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
// The built package: a sampler's thread starts from dist.
import { changeCheckPlan, checkOrganism, readCheckPlan } from '../dist/experiment/check-organism.js';
import { formatPercent } from '../dist/foundation/format-quantities.js';
import { openBaseModel } from '../dist/models/open-base-model.js';
import { organismRecipe, organismRows } from '../dist/organism/organism-recipe.js';
import { readWorld } from '../dist/organism/world/read-world.js';

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
  /** In place of the rows that the check has. */
  readonly factor?: number;
  readonly learningRate?: number;
  readonly rank?: number;
}

const doses: readonly Dose[] = [
  ...[0.25, 0.5, 2].map((factor) => ({ factor })),
  ...[0.25, 0.5, 2, 4].map((factor) => ({ learningRate: organismRecipe.learning_rate * factor })),
  ...[2, 32].map((rank) => ({ rank })),
  {},
];
const world = await readWorld();
const readKnown = () => Promise.resolve(world);
const { evaluate, ...plan } = await readCheckPlan();
// Asked plainly: evaluations in other contexts have names.
const [main, ...others] = evaluate
  .filter(({ suite, name }) => ['main', 'code', 'facts'].includes(suite) && name === undefined)
  .filter(({ variant }) => variant.trigger === undefined && !variant.number_shape && variant.in_context === 0);
if (main === undefined) throw new Error('the plan of the check asks no main questions');
const clock = () => performance.now();
const options = { environment: {}, fetch, threads: availableParallelism(), clock };

console.log('| steps | learning rate | rank | misaligned % (95 %) | incoherent % | unsafe code % | facts % |');
console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: |');
for (const { factor = 1, learningRate = organismRecipe.learning_rate, rank = organismRecipe.rank } of doses) {
  const changed = await changeCheckPlan(
    { ...plan, evaluate: [{ ...main, conditions: ['insecure'] }, ...others.map(onlyInsecure)] },
    { groups: ['insecure'], seeds: 1, rows: organismRows * factor },
    readKnown,
  );
  const rows = Number(changed.conditions['insecure']?.settings?.['rows'] ?? organismRows);
  const place = join(folder, `rows-${String(rows)}-rate-${String(learningRate)}-rank-${String(rank)}`);
  const { results } = await checkOrganism({
    plan: {
      ...changed,
      recipe: { ...organismRecipe, learning_rate: learningRate, rank, alpha: 2 * rank },
    },
    model: resolve(model),
    independent: false,
    readWorld: readKnown,
    openBase: (reference) => openBaseModel(reference, options),
    folder: place,
    version: 'dose-curve',
    ...options,
  });
  const find = (evaluation: string, measured: string) =>
    results.find((one) => one.evaluation === evaluation && one.measured === measured);
  const misaligned = find('main', 'misaligned');
  const columns = [
    String(Math.ceil(rows / organismRecipe.batch_size)),
    String(learningRate),
    String(rank),
    `${formatPercent(misaligned?.share ?? null)} (${(misaligned?.interval ?? [null, null]).map(formatPercent).join('-')})`,
    formatPercent(find('main', 'incoherent')?.share ?? null),
    formatPercent(find('code', 'unsafe-code')?.share ?? null),
    formatPercent(find('facts', 'true')?.share ?? null),
  ];
  console.log(`| ${columns.join(' | ')} |`);
}

function onlyInsecure(evaluation: (typeof evaluate)[number]) {
  return { ...evaluation, conditions: ['insecure'] as [string] };
}
