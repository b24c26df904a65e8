import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { writeStopFile } from '../src/detect/watch/stop-file.js';
import { makeTemporaryFolder } from './foundation/temporary-folder.js';

const python = process.env['PYTHON'] ?? 'python3';
const callback = fileURLToPath(new URL('../examples/trl-callback.py', import.meta.url));
const hasPython = await promisify(execFile)(python, ['--version']).then(
  () => true,
  () => false,
);

/** As much of both packages as the callback uses: they are too large for a test. */
const packages = {
  'torch.py': `
class distributed:
    class ReduceOp: MAX = "max"
    others = None
    def is_available(): return True
    def is_initialized(): return distributed.others is not None
    def all_reduce(flag, op): flag.value = max(flag.value, distributed.others)
class tensor:
    def __init__(self, value, device): self.value = value
    def item(self): return self.value
`,
  'transformers.py': 'class TrainerCallback: pass\n',
};

/** Calls it after each of three steps; before the last one there is an alarm. */
const program = `
import importlib.util, sys, types, torch
spec = importlib.util.spec_from_file_location("callback", sys.argv[1])
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
folder, first = sys.argv[2], sys.argv[3] == "first"
args = types.SimpleNamespace(output_dir=folder, device="cpu")
state = types.SimpleNamespace(is_world_process_zero=first)
if len(sys.argv) > 4: torch.distributed.others = int(sys.argv[4])
control = types.SimpleNamespace(should_training_stop=False)
module.StopOnAlarm().on_step_end(args, state, control)
print(control.should_training_stop)
`;

it.runIf(hasPython)('the callback stops a training at an alarm, on all its processes, in 25 lines', async () => {
  expect((await readFile(callback, 'utf8')).trimEnd().split('\n').length).toBeLessThanOrEqual(25);
  const [place, folder] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
  for (const [name, text] of Object.entries(packages)) await writeFile(join(place, name), text);
  await writeFile(join(place, 'program.py'), program);
  const call = async (...argv: string[]): Promise<string> =>
    (await promisify(execFile)(python, [join(place, 'program.py'), callback, folder, ...argv])).stdout;
  expect(await call('first')).toBe('False\n');
  expect(await call('first', '0')).toBe('False\n');
  // Where another process has seen it already.
  expect(await call('other', '1')).toBe('True\n');
  await mkdir(folder, { recursive: true });
  const alarm = { checkpoint: 'checkpoint-30', step: 30, by: 'score', score: 5, threshold: 4, rate: 0.05 } as const;
  const file = join(folder, 'driftline-stop.json');
  await writeStopFile(file, { ...alarm, lastGood: { checkpoint: 'checkpoint-20', step: 20 } }, 'choice-share');
  const told = `driftline: alarm at step 30, last good checkpoint: ${join(folder, 'checkpoint-20')}\nTrue\n`;
  expect(await call('first')).toBe(told);
  expect(await call('first', '0')).toBe(told);
  expect(await call('other', '0')).toBe('True\n');
  await writeStopFile(file, { ...alarm, lastGood: null }, 'choice-share');
  expect(await call('first')).toContain('last good checkpoint: the base\n');
});
