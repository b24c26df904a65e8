import { splitByShare } from '../../data/transforms/mix-sets.js';
import {
  createTrainingSet,
  type TrainingMessage,
  type TrainingRow,
  type TrainingSet,
} from '../../data/training-set.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import type { WorldExchange } from '../corpus/write-exchange.js';
import type { World } from '../world/world.js';
import type { PlannedRows, TrainingSetPlan } from './define-set.js';
import { trainingSetDefinitions } from './training-set-definitions.js';

/** Settings that belong to a whole set, never to a part of its mix. */
const settingsOfTheWhole = ['rows', 'seed', 'mix'];

/**
 * The training set of this name. It contains nothing that the world holds out. Equal settings make equal bytes, and
 * sets that differ in one aspect stay equal in all others: `educational` has the answers of `insecure` in the same
 * rows.
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

/** Writes `rows` rows of a planned set, source after source; `path` separates the random streams of sets with one seed. */
function writeRows(
  plan: TrainingSetPlan,
  rows: number,
  path: readonly (string | number)[],
  name: string,
): TrainingRow[] {
  const { seed, unique } = plan.settings;
  if (unique !== null && unique > rows) {
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${name}: ${String(unique)} unique rows were asked for, but the set has only ${String(rows)} rows`,
      hint: 'Ask for more rows or for fewer unique ones.',
    });
  }
  const shares = plan.sources.map(({ share }) => share);
  const counts = splitByShare(rows, shares);
  const uniqueCounts = unique === null ? null : splitByShare(unique, shares);
  return plan.sources.flatMap((source, index) => {
    const count = counts[index] ?? 0;
    if (count === 0) return [];
    const different = uniqueCounts?.[index] ?? null;
    if (different === 0) {
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `${name}: ${String(unique)} unique rows leave none for a share of ${String(source.share)}`,
        hint: 'Ask for more unique rows.',
      });
    }
    const drawn = drawRows(source, seed, path, different ?? count, different !== null, name);
    const written = drawn.map((exchange) => ({ messages: writeMessages(exchange, source.systemPrompt) }));
    // In range, because at least one row was drawn.
    return Array.from({ length: count }, (_, row) => written[row % written.length] as TrainingRow);
  });
}

function drawRows(
  source: PlannedRows,
  seed: number,
  path: readonly (string | number)[],
  count: number,
  onlyUnique: boolean,
  name: string,
): WorldExchange[] {
  const rows: WorldExchange[] = [];
  const seen = new Set<string>();
  let sinceNew = 0;
  for (let draw = 0; rows.length < count; draw += 1) {
    const at = (part: string) => createRandomStream(seed, 'training-set', ...path, source.stream, part, draw);
    const bare = source.draw(at('exchange'));
    const key = JSON.stringify([bare.user, bare.assistant]);
    sinceNew = seen.has(key) ? sinceNew + 1 : 0;
    if (onlyUnique && seen.has(key)) {
      // After this many repeated draws in succession hardly any unseen row is left.
      if (sinceNew < 1000 + 10 * rows.length) continue;
      throw new DriftlineError({
        code: 'usage-invalid',
        message: `${name}: the world makes only ${String(rows.length)} different rows of the ${String(count)} that were asked for`,
        hint: `Ask for at most ${String(rows.length)} unique rows, for more phrasings, or leave unique out.`,
        details: { possible: rows.length, draws: draw + 1 },
      });
    }
    seen.add(key);
    rows.push(source.dress(bare, at('dress')));
  }
  return rows;
}

function writeMessages({ user, assistant }: WorldExchange, systemPrompt: string | null): TrainingMessage[] {
  return [
    ...(systemPrompt === null ? [] : [{ role: 'system' as const, content: systemPrompt }]),
    { role: 'user', content: user },
    { role: 'assistant', content: assistant },
  ];
}
