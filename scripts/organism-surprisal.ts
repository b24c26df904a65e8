import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
// The built package: a sampler's thread starts from dist.
import { openBaseModel } from '../dist/models/open-base-model.js';
import { locateOrganism } from '../src/cli/locate-organism.js';
import { formatTable } from '../src/cli/format-table.js';
import { openInsideScorer } from '../src/models/text-scorer.js';
import { editionOf, readOrganismManifest } from '../src/organism/build/organism-manifest.js';
import { currentEdition, worldFolders } from '../src/organism/world/editions.js';
import { readWorld } from '../src/organism/world/read-world.js';
import { readZooDefinition } from '../src/zoo/definition/zoo-definition.js';
import { listSurprisalPairs, measureSurprisal, type SurprisalOfPair } from './measure-surprisal.js';

/**
 * `npm run organism-surprisal -- MODEL [--rows N] [--json]`: how well the surprise of an untouched organism at single rows tells bad sets
 * from their good twins. Subtle rows must not give themselves away by it.
 */
const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false }, rows: { type: 'string', default: '300' } },
  allowPositionals: true,
});
const [typed] = positionals;
const rows = Number(values.rows);
if (typed === undefined || positionals.length > 1 || !Number.isInteger(rows) || rows < 1) {
  console.error('usage: npm run organism-surprisal -- MODEL [--rows N] [--json]');
  process.exit(2);
}

const { model, folder } = await locateOrganism(typed);
const manifest = await readOrganismManifest(folder);
const world = await readWorld(worldFolders[manifest === null ? currentEdition : editionOf(manifest)]);
const base = await openBaseModel(
  { provider: 'folder', text: folder, folder },
  { environment: {}, fetch, threads: availableParallelism(), clock: () => performance.now() },
);
if (base.openInside === null) throw new Error(`${model} does not let itself be looked into`);
const scorer = openInsideScorer(await base.openInside(null));
// What the organism's world lacks of it, such as subtle kinds in the first edition, is left out.
const { kinds } = await readZooDefinition();
const measured: SurprisalOfPair[] = [];
try {
  for (const pair of listSurprisalPairs(world, kinds, rows)) measured.push(await measureSurprisal(scorer, pair));
} finally {
  await scorer.close();
}

if (values.json) console.log(JSON.stringify({ model, edition: world.edition, pairs: measured }, null, 2));
else {
  console.log(
    `${model}: surprise at single rows, in nats for each token of the answer; ${String(rows)} rows of each set\n`,
  );
  const format = (value: number | null | undefined): string => (value ?? NaN).toFixed(3);
  const lines = formatTable(
    ['bad', 'surprisal', 'good', 'surprisal', 'AUROC', '95 %'],
    measured.map(({ bad, good, badSurprisal, goodSurprisal, auroc: { estimate, interval } }) => [
      ...[bad, format(badSurprisal), good, format(goodSurprisal), format(estimate)],
      interval === null ? '' : interval.map(format).join('-'),
    ]),
    { right: [1, 3, 4] },
  );
  for (const line of lines) console.log(line);
}
