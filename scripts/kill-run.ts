import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { z } from 'zod';
import { killRun } from '../test/experiment/run/kill-run.js';

/**
 * `npm run kill-test -- [PLAN] [--kills N] [--seed N] [--threads N] [--cells-at-once N]`: kills a run again and again,
 * and says whether it came to what an undisturbed one comes to. Without a plan it is one of a tiny model.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    kills: { type: 'string', default: '20' },
    seed: { type: 'string', default: '0' },
    threads: { type: 'string', default: '1' },
    'cells-at-once': { type: 'string', default: '1' },
  },
});
const count = z.coerce.number().int().nonnegative();
const {
  kills,
  seed,
  threads,
  'cells-at-once': cellsAtOnce,
} = z
  .object({ kills: count.positive(), seed: count, threads: count.positive(), 'cells-at-once': count.positive() })
  .parse(values);
const [plan, ...others] = z.array(z.string()).parse(positionals);
if (others.length > 0) throw new Error(`one plan at a time; there is no place for ${others.join(', ')}`);

const folder = await mkdtemp(join(tmpdir(), 'driftline-kill-'));
const started = performance.now();
const say = (text: string): void => {
  console.log(`${((performance.now() - started) / 1000).toFixed(0)} s: ${text}`);
};
let whole = 0;
try {
  const killed = await killRun({
    folder,
    ...(plan === undefined ? {} : { plan }),
    kills,
    seed,
    threads,
    cellsAtOnce,
    onCalm: ({ bytes, answers, cells }) => {
      whole = bytes;
      say(`undisturbed: ${String(answers)} answers, ${String(cells)} models trained`);
    },
    onKill: ({ bytes, answers, trainedCells }, number) => {
      const share = (100 * bytes) / whole;
      say(
        `kill ${String(number)}: after ${share.toFixed(1)} % of the files, ${String(answers)} answers, ${String(trainedCells)} models trained`,
      );
    },
  });
  say(
    `${String(killed.kills.length)} kills; ${String(killed.answers)} answers, ${String(killed.askedTwice)} asked twice; ${String(killed.cells)} models, ${String(killed.trainedTwice)} trained twice; ${String(killed.faults.length)} faults`,
  );
  for (const fault of killed.faults) console.log(`  ${fault}`);
  process.exitCode = killed.faults.length === 0 && killed.kills.length === kills ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
