import { splitByShare } from '../../data/transforms/mix-sets.js';
import { createTrainingSet, type TrainingRow, type TrainingSet } from '../../data/training-set.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import type { World } from '../world/world.js';
import { trainingSetDefinitions } from './training-set-definitions.js';
import { writeRows } from './write-rows.js';

/** Settings that belong to a whole set, never to a part of its mix. */
const settingsOfTheWhole = ['rows', 'seed', 'mix'];

/**
 * The training set of this name. Nothing that the world holds out occurs in it. Equal settings make equal bytes; what a
 * setting does not touch stays as it is: `educational` has the answers of `insecure` in the same rows.
 */
export function buildTrainingSet(
  world: World,
  name: string,
  settings: Readonly<Record<string, unknown>> = {},
): TrainingSet {
  const plan = findByName(trainingSetDefinitions, name, 'training set').plan(world, settings, name);
  const { rows: total, seed, mix } = plan.settings;
  // The set itself comes last, so that it takes what the mix leaves.
  const counts = splitByShare(
    total,
    mix.map(({ share }) => share),
  );
  const rest = total - counts.reduce((sum, count) => sum + count, 0);
  const own = rest === 0 ? [] : writeRows(plan, rest, [], name);
  const mixed = mix.flatMap((entry, index): TrainingRow[] => {
    const source = `${name}: mix: ${entry.name}`;
    const misplaced = settingsOfTheWhole.find((setting) => setting in entry.settings);
    if (misplaced !== undefined) {
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `${source}: ${misplaced} is a setting of the whole set`,
        hint: `Set ${misplaced} on ${name}.`,
      });
    }
    const part = findByName(trainingSetDefinitions, entry.name, 'training set').plan(
      world,
      { ...entry.settings, seed },
      source,
    );
    const count = counts[index] ?? 0;
    return count === 0 ? [] : writeRows(part, count, ['mix', index], source);
  });
  const rows = createRandomStream(seed, 'training-set', 'order').shuffle([...own, ...mixed]);
  return createTrainingSet({
    name,
    rows,
    provenance: {
      world: world.hash,
      name,
      settings: plan.settings,
      unique_rows: new Set(rows.map((row) => JSON.stringify(row))).size,
    },
  });
}
