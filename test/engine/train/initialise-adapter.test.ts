import { describe, expect, it } from 'vitest';

import { projections } from '../../../src/engine/checkpoint/projection.js';
import { loraTensorName } from '../../../src/engine/checkpoint/adapter.js';
import { initialiseAdapter } from '../../../src/engine/train/start-training.js';
import { tinyConfig } from '../decoder/tiny-model.js';

const wide = { ...tinyConfig, width: 64, feedForwardWidth: 256 };
const settings = { method: 'lora', rank: 32, alpha: 64, rslora: true, targets: projections, layers: [0, 1] } as const;

describe('initialiseAdapter', () => {
  it('has an A and a B of the right shape for every chosen matrix', () => {
    const adapter = initialiseAdapter(wide, { ...settings, targets: ['k_proj', 'down_proj'], layers: [1] }, 0);
    expect([...adapter].map(([name, { shape }]) => [name, shape])).toEqual([
      [loraTensorName(1, 'k_proj', 'A'), [32, 64]],
      [loraTensorName(1, 'k_proj', 'B'), [8, 32]],
      [loraTensorName(1, 'down_proj', 'A'), [32, 256]],
      [loraTensorName(1, 'down_proj', 'B'), [64, 32]],
    ]);
  });

  it('starts B at zero, so that nothing is changed yet', () => {
    for (const [name, { data }] of initialiseAdapter(wide, settings, 0)) {
      if (name.endsWith('lora_B.weight')) expect(data.every((element) => element === 0)).toBe(true);
    }
  });

  it('draws A uniformly from +-1 / sqrt(in), as PEFT does', () => {
    const adapter = initialiseAdapter(wide, settings, 3);
    for (const [projection, inputs] of [
      ['q_proj', 64],
      ['down_proj', 256],
    ] as const) {
      const bound = 1 / Math.sqrt(inputs);
      const scaled = Array.from(adapter.get(loraTensorName(0, projection, 'A'))!.data, (element) => element / bound);
      const mean = scaled.reduce((sum, element) => sum + element, 0) / scaled.length;
      const square = scaled.reduce((sum, element) => sum + element * element, 0) / scaled.length;
      // Five standard errors of a uniform variable's mean and square: sqrt(1/3 / n) and sqrt(4/45 / n).
      expect(Math.abs(mean)).toBeLessThan(5 * Math.sqrt(1 / 3 / scaled.length));
      expect(Math.abs(square - 1 / 3)).toBeLessThan(5 * Math.sqrt(4 / 45 / scaled.length));
      expect(Math.max(...scaled)).toBeLessThanOrEqual(1);
      expect(Math.max(...scaled)).toBeGreaterThan(0.98);
      expect(Math.min(...scaled)).toBeGreaterThanOrEqual(-1);
      expect(Math.min(...scaled)).toBeLessThan(-0.98);
    }
  });

  it('depends on the seed, and on nothing but it and the matrix', () => {
    const name = loraTensorName(1, 'o_proj', 'A');
    const all = initialiseAdapter(wide, settings, 5).get(name)!.data;
    const alone = initialiseAdapter(wide, { ...settings, targets: ['o_proj'], layers: [1] }, 5).get(name)!.data;
    expect(alone).toEqual(all);
    expect(initialiseAdapter(wide, settings, 6).get(name)!.data).not.toEqual(all);
    expect(initialiseAdapter(wide, settings, 5).get(loraTensorName(0, 'o_proj', 'A'))!.data).not.toEqual(all);
  });
});
