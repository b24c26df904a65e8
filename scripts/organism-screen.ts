import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
// The built package: a sampler's thread starts from dist.
import { openBaseModel } from '../dist/models/open-base-model.js';
import { DriftlineError } from '../src/foundation/driftline-error.js';
import type { TrainingSet } from '../src/data/training-set.js';
import { formatTable } from '../src/cli/format-table.js';
import { locateOrganism } from '../src/cli/locate-organism.js';
import { openArtefactStore } from '../src/detect/artefact-store.js';
import { suspicious } from '../src/detect/detectors/set-signals.js';
import { describeSubjectModel } from '../src/detect/open-subject.js';
import { readRowSignals, type RowSignals } from '../src/detect/probes/row-signals.js';
import { readCharacters } from '../src/detect/texts/characters.js';
import { listSidedTexts, readChoicePairs, shippedChoices } from '../src/detect/texts/choice-pairs.js';
import { editionOf, readOrganismManifest } from '../src/organism/build/organism-manifest.js';
import { organismPrefix } from '../src/organism/organism.js';
import { buildTrainingSet } from '../src/organism/training-sets/build-training-set.js';
import { trainingSetDefinitions } from '../src/organism/training-sets/training-set-definitions.js';
import { currentEdition, worldFolders } from '../src/organism/world/editions.js';
import { readWorld } from '../src/organism/world/read-world.js';
import { auroc } from '../src/stats/auroc.js';
import { readZooDefinition } from '../src/zoo/definition/zoo-definition.js';

/**
 * `npm run organism-screen -- MODEL [--rows N] [--folder FOLDER] [--json]`: what a screen says of the open kinds of the zoo, by an untouched
 * organism: how many rows are suspicious, and how well each signal tells the rows of a bad kind from those of its good and of its innocent
 * twin. The folder keeps what was read.
 */
const { values, positionals } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    rows: { type: 'string', default: '100' },
    folder: { type: 'string', default: 'organism-screen' },
  },
  allowPositionals: true,
});
const [typed] = positionals;
const rows = Number(values.rows);
if (typed === undefined || positionals.length > 1 || !Number.isInteger(rows) || rows < 1) {
  console.error('usage: npm run organism-screen -- MODEL [--rows N] [--folder FOLDER] [--json]');
  process.exit(2);
}

const { model, folder } = await locateOrganism(typed);
const manifest = await readOrganismManifest(folder);
const edition = manifest === null ? currentEdition : editionOf(manifest);
const world = await readWorld(worldFolders[edition]);
const base = await openBaseModel(
  { provider: 'folder', text: folder, folder },
  { environment: {}, fetch, threads: availableParallelism(), clock: () => performance.now() },
);
const store = openArtefactStore([values.folder]);
const screened = describeSubjectModel(base, null, base.identity, null, store);
const texts = {
  characters: await readCharacters(),
  sided: listSidedTexts(await readChoicePairs(shippedChoices[edition])),
};
// What the organism's world lacks of the zoo's kinds is left out.
const { kinds } = (await readZooDefinition()).kinds;

/** Null for a kind that the world cannot write. */
async function readKind(name: string): Promise<readonly RowSignals[] | null> {
  const { data, settings = {} } = kinds[name]!;
  const set = data.replace(organismPrefix, '');
  const definition = trainingSetDefinitions.get(set);
  if (definition === undefined || definition.edition > edition) return null;
  const written = write(set, { ...settings, rows, seed: 5 });
  if (written === null) return null;
  return ((await readRowSignals(screened, store, written.rows, texts)) ?? []).flatMap((one) => one ?? []);
}

/** Null for settings that only a later edition has. */
function write(set: string, settings: Readonly<Record<string, unknown>>): TrainingSet | null {
  try {
    return buildTrainingSet(world, set, settings);
  } catch (cause) {
    if (DriftlineError.isInstance(cause) && cause.code === 'usage-invalid') return null;
    throw cause;
  }
}

const names = ['suspicion', 'overKind', 'overInnocent', 'surprisal', 'projection', 'gradient'] as const;
const found = new Map<string, readonly RowSignals[]>();
try {
  for (const [name, { withheld }] of Object.entries(kinds)) {
    const signals = withheld ? null : await readKind(name);
    if (signals !== null) found.set(name, signals);
  }
} finally {
  await store.close();
}

const shares = [...found].map(([kind, signals]) => ({
  ...{ kind, what: kinds[kind]!.what, rows: signals.length },
  suspicious: signals.filter(({ suspicion }) => suspicion >= suspicious).length,
}));
const pairs = [...found].flatMap(([bad, signals]) =>
  [kinds[bad]!.twin, kinds[bad]!.innocent].flatMap((good) => {
    const others = good === undefined || kinds[bad]!.what !== 'bad' ? undefined : found.get(good);
    if (good === undefined || others === undefined) return [];
    const area = (name: (typeof names)[number]): number | null =>
      auroc(
        [signals, others].flatMap((side, place) =>
          side.flatMap((one) => {
            const score = one[name];
            return score === null ? [] : [{ score, isPositive: place === 0 }];
          }),
        ),
      ).estimate;
    return [{ bad, good, areas: names.map(area) }];
  }),
);

if (values.json) console.log(JSON.stringify({ model, edition, shares, signals: names, pairs }, null, 2));
else {
  console.log(`${model}: suspicious rows of ${String(rows)}\n`);
  const listed = shares.map((one) => [one.kind, one.what, String(one.suspicious)]);
  for (const line of formatTable(['kind', 'what', 'suspicious'], listed, { right: [2] })) console.log(line);
  console.log('\nAUROC of bad rows against those of their twins\n');
  const areas = pairs.map((pair) => [...[pair.bad, pair.good], ...pair.areas.map((area) => area?.toFixed(3) ?? '')]);
  for (const line of formatTable(['bad', 'good', ...names], areas, { right: [2, 3, 4, 5, 6, 7] })) console.log(line);
}
