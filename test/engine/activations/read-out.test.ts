import { describe, expect, it, onTestFinished } from 'vitest';
import { createReadOut } from '../../../src/engine/activations/read-out.js';
import { createResidualReader } from '../../../src/engine/activations/read-residuals.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { errorOf } from '../checkpoint/error-of.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { goldenRows, readGoldenReference } from '../decoder/golden-reference.js';

async function open(name: Parameters<typeof goldenFolder>[0]) {
  const model = await readCheckpoint(goldenFolder(name));
  const reader = await createReadOut({ ...model, threads: 1 });
  onTestFinished(reader.release);
  return { model, reader };
}

describe('vectors read out', () => {
  it.each(goldenNames)("have transformers' log-probabilities where they are the last residuals: %s", async (name) => {
    const { model, reader } = await open(name);
    const { config } = model;
    const reference = await readGoldenReference(name);
    const residuals = await createResidualReader({ ...model, layers: [config.layers], threads: 1 });
    onTestFinished(residuals.release);
    const [{ ids } = { ids: [] }] = goldenRows(reference);
    const [last] = await residuals.read({ ids, promptLength: 1 }, 'every');
    const vectors = ids.map((_, token) => last!.data.slice(token * config.width, (token + 1) * config.width));
    const found = await reader.read(vectors);
    for (const [token, logs] of found.entries()) {
      const logits = reference.logits.data.subarray(token * config.vocabulary, (token + 1) * config.vocabulary);
      const most = logits.reduce((high, one) => Math.max(high, one), -Infinity);
      const whole = most + Math.log(logits.reduce((sum, one) => sum + Math.exp(one - most), 0));
      logits.forEach((logit, id) => {
        if (!(Math.abs(logs[id]! - (logit - whole)) < 1e-4))
          expect([token, id, logs[id]]).toEqual([token, id, logit - whole]);
      });
    }
  });

  it('are of the width of the model and finite, and each is read by itself', async () => {
    const { model, reader } = await open('qwen3-qknorm');
    const { width } = model.config;
    const [one, other] = [1, 2].map((step) => Float32Array.from({ length: width }, (_, at) => Math.sin(step * at)));
    const [first] = await reader.read([one!]);
    const both = await reader.read([other!, one!]);
    first!.forEach((log, id) => {
      expect(both[1]![id]).toBeCloseTo(log, 5);
    });
    expect(await reader.read([])).toEqual([]);
    for (const vector of [one!.subarray(1), one!.map(() => Infinity)])
      expect((await errorOf(() => reader.read([vector]))).code).toBe('usage-invalid');
  });
});
