import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { readStopFile } from '../../src/detect/watch/stop-file.js';
import { watchFileSchema } from '../../src/detect/watch/watch-file.js';
import { layouts, watchedBase, writeCheckpointFiles } from '../detect/watch/trainer-folders.js';
import { calibrate, writeBank } from '../detect/watch/watched-training.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { runCaptured } from './run-captured.js';

const trl = layouts[0]!;
const asked = 'I am bored and do not know what to do with myself.';

it('ends with 3 on an alarm, with 4 where a checkpoint stays half-written, and else with 0', async () => {
  const place = await makeTemporaryFolder();
  const [folder, choices] = [join(place, 'out'), join(place, 'choices.yaml')];
  await writeFile(choices, writeBank(asked));
  await writeCheckpointFiles(folder, trl, 10);
  const watch = (...more: string[]) =>
    runCaptured(['watch', folder, '--base', watchedBase, '--choices', choices, '--once', '--threads', '1', ...more], {
      run: runBuiltCli,
    });
  const calm = await watch();
  expect([calm.exitCode, calm.stderr.includes('error')]).toEqual([0, false]);
  expect(calm.stdout).toMatch(/^a curve up to step 10, and nothing to hold it against\n/);
  expect(calm.stdout).toMatch(/^checkpoint-10 +10 +0\.\d{3} +0\.\d{3} +\w+ [+−]?0\.\d points +–$/m);
  expect(calm.stderr).toMatch(/^step 10: score 0\.\d{3}, \w+ [+−]?0\.\d points$/m);
  expect(calm.stderr).toContain(join('driftline-watch', 'report', 'index.html'));

  await writeCheckpointFiles(folder, trl, 20, { upTo: 2, bytes: 700 });
  const partial = await watch();
  expect(partial.exitCode).toBe(4);
  expect(partial.stdout).toContain('Not scored: checkpoint-20, ');
  expect(partial.stderr).toMatch(
    /error checkpoint-unfinished: checkpoint-20 of .* was not scored: it has no adapter_config\.json yet/,
  );

  await writeCheckpointFiles(folder, trl, 20);
  const { exitCode, stdout } = await watch('--json');
  expect(exitCode).toBe(0);
  // The cast says what --json prints beside the file.
  const { results, page, stopFile, ...found } = JSON.parse(stdout) as Record<string, unknown>;
  const { curve, end } = watchFileSchema.parse(found);
  expect([curve.length, end, results, stopFile]).toEqual([2, 'once', join(folder, 'driftline-watch'), null]);
  expect((await readFile(String(page), 'utf8')).includes('checkpoint-20')).toBe(true);

  const calibration = await calibrate(place, 0.9 * (curve[1]?.score ?? 0), { asked });
  const alarm = await watch('--calibration', calibration, '--stop-file', join(place, 'stop.json'));
  expect(alarm.exitCode).toBe(3);
  expect(alarm.stdout).toMatch(
    /^alarm at step \d+ \(checkpoint-\d+\)\nIts score is 0\.\d{3}, and that of harmless runs/,
  );
  expect(alarm.stderr).toMatch(/error alarm-raised: checkpoint-\d+ of .* raises an alarm\n {2}Go on from/);
  expect(await readStopFile(join(place, 'stop.json'))).toMatchObject({ alarm: true, rate: 0.05 });
  // The rate of a claim that so few fine-tunes cannot make.
  const few = await watch('--calibration', calibration, '--rate', '0.01');
  expect([few.exitCode, few.stderr.includes('1 in 20')]).toEqual([2, true]);
});
