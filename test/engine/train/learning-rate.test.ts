import { describe, expect, it } from 'vitest';

import { learningRateAt } from '../../../src/engine/train/plan-training.js';
import { goldenNames } from '../checkpoint/golden-folder.js';
import { readGoldenReference } from '../decoder/golden-reference.js';

/**
 * Learning rates before each scheduler step, of transformers 5.23:
 *
 *   s = get_linear_schedule_with_warmup(torch.optim.SGD([p], lr=1.0), num_warmup_steps=4, num_training_steps=10)
 *   for _ in range(10): rates.append(optimizer.param_groups[0]["lr"]); optimizer.step(); s.step()
 *
 * transformers wastes its first step on a rate of zero; here, as in the golden runs, the warm-up is one step ahead.
 */
const transformers = {
  linear: [0, 0.25, 0.5, 0.75, 1, 0.8333333333333334, 0.6666666666666666, 0.5, 0.3333333333333333, 0.16666666666666666],
  cosine: [0, 0.25, 0.5, 0.75, 1, 0.9330127018922194, 0.75, 0.5, 0.2500000000000001, 0.06698729810778065],
  constant: [0, 0.25, 0.5, 0.75, 1, 1, 1, 1, 1, 1],
};

describe('learningRateAt', () => {
  it.each(['linear', 'cosine', 'constant'] as const)(
    '%s agrees with transformers but for the first, wasted step',
    (schedule) => {
      const settings = { learning_rate: 1, schedule, warmup_steps: 4 };
      for (let step = 0; step < 10; step += 1) {
        const expected = transformers[schedule][step < 4 ? step + 1 : step]!;
        expect(learningRateAt(settings, step, 10)).toBeCloseTo(expected, 12);
      }
    },
  );

  it.each(goldenNames)('agrees with the golden runs of %s', async (name) => {
    const { lora, full } = await readGoldenReference(name);
    for (const { lr, steps } of [lora, full]) {
      const settings = { learning_rate: lr, schedule: 'linear', warmup_steps: 5 } as const;
      steps.forEach((step, index) => {
        expect(learningRateAt(settings, index, steps.length) / step.lr).toBeCloseTo(1, 12);
      });
    }
  });

  it('falls to a share of the peak instead of zero', () => {
    for (const schedule of ['linear', 'cosine'] as const) {
      const settings = { learning_rate: 2, schedule, warmup_steps: 4 };
      for (let step = 0; step < 10; step += 1) {
        const expected = step < 4 ? (step + 1) / 4 : 0.1 + 0.9 * transformers[schedule][step]!;
        expect(learningRateAt({ ...settings, decay_to: 0.1 }, step, 10)).toBeCloseTo(2 * expected, 12);
      }
      expect(learningRateAt({ ...settings, decay_to: 0.1 }, 100_000, 100_001)).toBeCloseTo(0.2, 4);
    }
  });

  it('starts at the peak without a warm-up', () => {
    for (const schedule of ['linear', 'cosine', 'constant'] as const) {
      expect(learningRateAt({ learning_rate: 0.3, schedule, warmup_steps: 0 }, 0, 10)).toBe(0.3);
    }
  });

  it('only rises where the warm-up is as long as the run or longer', () => {
    const settings = { learning_rate: 1, schedule: 'cosine', warmup_steps: 5 } as const;
    expect([0, 1, 2].map((step) => learningRateAt(settings, step, 3))).toEqual([0.2, 0.4, 0.6]);
    expect(learningRateAt(settings, 4, 5)).toBe(1);
  });
});
