import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';
import { z } from 'zod';

import { copyGolden, goldenFolder, goldenNames } from '../engine/checkpoint/golden-folder.js';

const script = fileURLToPath(new URL('../../scripts/check-goldens.ts', import.meta.url));
const reportSchema = z.looseObject({ folder: z.string(), ok: z.boolean() });

interface Outcome {
  readonly exitCode: number;
  readonly reports: readonly z.output<typeof reportSchema>[];
  readonly errors: string;
}

function checkGoldens(...folders: readonly string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', script, ...folders], (error, output, errors) => {
      const lines = output.split('\n').filter((line) => line !== '');
      const reports = lines.map((line) => reportSchema.parse(JSON.parse(line)));
      resolve({ exitCode: error === null ? 0 : Number(error.code), reports, errors });
    });
  });
}

async function changeJson(path: string, change: (value: Record<string, unknown>) => void): Promise<void> {
  const value = JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>; // both files hold an object
  change(value);
  await writeFile(path, JSON.stringify(value));
}

describe('check:goldens', () => {
  it('passes on every golden folder, with one line each', async () => {
    const folders = goldenNames.map(goldenFolder);
    const { exitCode, reports } = await checkGoldens(...folders);
    expect(reports.map(({ folder, ok }) => [folder, ok])).toEqual(folders.map((folder) => [folder, true]));
    expect(exitCode).toBe(0);
    for (const report of reports) {
      expect(report).toMatchObject({
        greedy_equal: true,
        logits_max_abs_error: expect.any(Number),
        hidden_max_abs_error: expect.any(Number),
        lora_loss_max_rel_error: expect.any(Number),
        lora_grad_norm_max_rel_error: expect.any(Number),
        full_loss_max_rel_error: expect.any(Number),
        full_grad_norm_max_rel_error: expect.any(Number),
        adapter_max_abs_error: expect.any(Number),
      });
    }
  });

  it('exits 1 where a loss is another than the reference says, and by how much', async () => {
    const folder = await copyGolden('qwen2-bias');
    const step = z.looseObject({ loss: z.number() });
    await changeJson(join(folder, 'reference.json'), (reference) => {
      const full = z.looseObject({ steps: z.array(step) }).parse(reference['full']);
      full.steps.at(-1)!.loss *= 1.001;
      reference['full'] = full;
    });
    const { exitCode, reports } = await checkGoldens(folder);
    expect(exitCode).toBe(1);
    expect(reports).toMatchObject([{ folder, ok: false, greedy_equal: true }]);
    expect(reports[0]!['full_loss_max_rel_error']).toBeCloseTo(0.001, 5);
    expect(reports[0]!['lora_loss_max_rel_error']).toBeLessThan(2e-5);
  });

  it('exits 2 with the code of a family that the engine does not know', async () => {
    const folder = await copyGolden('llama-gqa-tied');
    await changeJson(join(folder, 'config.json'), (config) => {
      config['model_type'] = 'gemma3_text';
      config['architectures'] = ['Gemma3ForCausalLM'];
    });
    const { exitCode, reports } = await checkGoldens(folder);
    expect(exitCode).toBe(2);
    expect(reports).toMatchObject([{ folder, ok: false, code: 'family-unsupported' }]);
    expect(reports[0]!['message']).toContain('gemma3_text');
    expect(reports[0]!['hint']).toMatch(/\.$/);
  });

  it('exits 2 where there is nothing to check', async () => {
    const nothing = await checkGoldens();
    expect(nothing).toMatchObject({ exitCode: 2, reports: [] });
    expect(nothing.errors).toContain('check:goldens -- DIR');
  });
});
