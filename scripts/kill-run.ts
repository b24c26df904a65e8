import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { killRun } from '../test/experiment/run/kill-run.js';

/** `npm run kill-test [KILLS [SEED]]`: kills a run again and again, and says whether it came to what an undisturbed one comes to. */
const [kills = 20, seed = 0] = process.argv.slice(2).map(Number);
const folder = await mkdtemp(join(tmpdir(), 'driftline-kill-'));
try {
  const killed = await killRun({ folder, kills, seed });
  for (const [index, { lines, trainedCells }] of killed.kills.entries())
    console.log(
      `kill ${String(index + 1)}: after ${String(lines)} of ${String(killed.lines)} lines, ${String(trainedCells)} of ${String(killed.cells)} models trained`,
    );
  console.log(
    `${String(killed.answers)} answers and ${String(killed.cells)} models in the end, ${String(killed.faults.length)} faults`,
  );
  for (const fault of killed.faults) console.log(`  ${fault}`);
  process.exitCode = killed.faults.length === 0 ? 0 : 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
