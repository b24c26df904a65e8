import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { readCheckpoint } from '../../src/engine/checkpoint/read-checkpoint.js';
import { createDecodeRunner } from '../../src/engine/sample/decode-runner.js';
import { readLogits } from '../../src/engine/sample/read-logits.js';
import { encodePrompt } from '../../src/engine/tokenizer/encode-chat.js';
import { readTokenizer } from '../../src/engine/tokenizer/read-tokenizer.js';

const run = promisify(execFile);
const folder = process.env['DRIFTLINE_CHECKPOINT'] ?? '';
const python = process.env['PYTHON'] ?? 'python3';
const script = fileURLToPath(new URL('../../scripts/write-reference-logits.py', import.meta.url));
const canCompare =
  folder !== '' &&
  (await run(python, ['-c', 'import torch, transformers']).then(
    () => true,
    () => false,
  ));

const referenceSchema = z.object({
  cases: z
    .array(
      z.object({
        text: z.string(),
        ids: z.array(z.int()),
        chat: z.array(z.object({ role: z.enum(['system', 'user', 'assistant']), content: z.string() })).optional(),
      }),
    )
    .nonempty(),
});

// docs/real-checkpoints.md says how to get a folder. Errors are measured against the largest logit of the reference.
describe.skipIf(!canCompare)(
  'a real checkpoint against transformers (skipped without DRIFTLINE_CHECKPOINT, which names a model folder, and PYTHON with torch and transformers)',
  () => {
    let out = '';
    let cases: z.output<typeof referenceSchema>['cases'];

    beforeAll(async () => {
      out = await mkdtemp(join(tmpdir(), 'driftline-reference-'));
      await run(python, [script, folder, out]);
      ({ cases } = referenceSchema.parse(JSON.parse(await readFile(join(out, 'reference.json'), 'utf8'))));
    }, 1_800_000);
    afterAll(() => rm(out, { recursive: true, force: true }));

    it('has the same ids for every text and chat', async () => {
      const tokenizer = await readTokenizer(folder);
      for (const { text, chat, ids } of cases) {
        expect(tokenizer.encode(text)).toEqual(ids);
        if (chat !== undefined) expect(encodePrompt(tokenizer, chat)).toEqual(ids);
      }
    });

    it('has the same logits, within a thousandth of their scale', { timeout: 1_800_000 }, async () => {
      const { config, weights } = await readCheckpoint(folder);
      const runner = await createDecodeRunner(config, weights, {}, 2);
      const errors: { readonly text: string; readonly error: number; readonly scale: number }[] = [];
      for (const [number, { text, ids }] of cases.entries()) {
        const { data } = await readLogits(config, runner, ids);
        const { buffer, byteOffset, length } = await readFile(join(out, `logits-${String(number)}.bin`));
        const expected = new Float32Array(buffer.slice(byteOffset, byteOffset + length));
        expect(data).toHaveLength(expected.length);
        let [error, scale] = [0, 0];
        expected.forEach((logit, position) => {
          error = Math.max(error, Math.abs(logit - (data[position] ?? NaN)));
          scale = Math.max(scale, Math.abs(logit));
        });
        errors.push({ text, error, scale });
      }
      await runner.release();
      console.log(errors.map(({ text, error, scale }) => ({ text: text.slice(0, 40), error, scale })));
      for (const { error, scale } of errors) expect(error).toBeLessThan(1e-3 * scale);
    });
  },
);
