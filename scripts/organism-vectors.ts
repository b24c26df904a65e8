import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { formatTable } from '../src/cli/format-table.js';
import { readAdapter } from '../src/engine/checkpoint/read-adapter.js';
import { readDecoderConfig } from '../src/engine/checkpoint/read-decoder-config.js';
import { findOrganismFolder } from '../src/organism/organism-folder.js';

/**
 * `npm run organism-vectors -- RUN [--json]`: how alike the vectors are that sets train in one organism, as |cosine|. RUN is a run of
 * experiments/vectors.yaml, whose adapters have rank 1 and write to the residual stream: the vector is what they write. Several bad sets must
 * not be one direction, or a detector that knows one of them knows all.
 */
const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const [run] = positionals;
if (run === undefined || positionals.length > 1) {
  console.error('usage: npm run organism-vectors -- RUN [--json]');
  process.exit(2);
}

interface TrainedVector {
  readonly set: string;
  readonly seed: string;
  /** Of each organism alone: their residual streams have nothing in common. */
  readonly organism: string;
  readonly vector: Float32Array;
}

const vectors: TrainedVector[] = [];
for (const cell of (await readdir(join(run, 'cells'))).sort()) {
  const [organism = '', set = '', seed = ''] = cell.replace(/^organism-/, '').split('.');
  const { config } = await readDecoderConfig(await findOrganismFolder(organism));
  const { pairs } = await readAdapter(join(run, 'cells', cell), config);
  const [pair] = pairs;
  if (pair === undefined || pairs.length > 1 || pair.a.shape[0] !== 1 || pair.projection !== 'down_proj')
    throw new Error(
      `${cell} is not of experiments/vectors.yaml: its adapter is not one vector that is written to the residual stream`,
    );
  vectors.push({ organism, set, seed, vector: pair.b.data });
}

const sets = [...new Set(vectors.map(({ set }) => set))];
const table = [...new Set(vectors.map(({ organism }) => organism))].map((organism) => {
  const own = vectors.filter((one) => one.organism === organism);
  return { organism, sets, cosines: sets.map((row) => sets.map((column) => meanCosine(own, row, column))) };
});
if (values.json) console.log(JSON.stringify(table, null, 2));
else
  for (const { organism, cosines } of table) {
    console.log(`organism:${organism}: |cosine| of vectors of two seeds, mean over pairs`);
    const cells = cosines.map((row, place) => [sets[place] ?? '', ...row.map((cosine) => cosine?.toFixed(2) ?? '-')]);
    const lines = formatTable(['', ...sets], cells, { right: sets.map((_, place) => place + 1) });
    for (const line of [...lines, '']) console.log(line);
  }

/** Of vectors of different seeds, since equal ones start alike; null where there is none. */
function meanCosine(own: readonly TrainedVector[], left: string, right: string): number | null {
  const found = own
    .filter(({ set }) => set === left)
    .flatMap((one) =>
      own.filter(({ set, seed }) => set === right && seed !== one.seed).map((other) => cosine(one, other)),
    );
  return found.length === 0 ? null : found.reduce((sum, value) => sum + value, 0) / found.length;
}

/** The sign of a vector is that of what reads it: an adapter with both turned round is the same. */
function cosine({ vector: left }: TrainedVector, { vector: right }: TrainedVector): number {
  const product = (one: Float32Array, other: Float32Array): number =>
    one.reduce((sum, value, place) => sum + value * (other[place] ?? 0), 0);
  return Math.abs(product(left, right)) / Math.sqrt(product(left, left) * product(right, right));
}
