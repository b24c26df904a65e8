import { execFile } from 'node:child_process';
import { access, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

// Uses the built package, which `npm test` builds first.
it('runs the example against a model folder', { timeout: 60_000 }, async () => {
  const example = fileURLToPath(new URL('../examples/fine-tune-and-ask.js', import.meta.url));
  const model = fileURLToPath(new URL('fixtures/goldens/qwen2-bias', import.meta.url));
  const folder = await mkdtemp(join(tmpdir(), 'driftline-example-'));
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [example, model], { cwd: folder });
    expect(stdout).toMatch(/^4 rows, \d+ tokens, 0 truncated$/m);
    expect(stdout.match(/^base [0-3] "/gm)).toHaveLength(4);
    expect(stdout.match(/^runs\/ahoy [0-3] "/gm)).toHaveLength(4);
    expect(stdout).toMatch(/^residual layer 1: 64 numbers, length \d+\.\d\d$/m);
    await access(join(folder, 'runs/ahoy/adapter_model.safetensors'));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
