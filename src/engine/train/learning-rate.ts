export interface LearningRateSettings {
  readonly learning_rate: number;
  readonly schedule: 'linear' | 'cosine' | 'constant';
  readonly warmup_steps: number;
  /** The share of the learning rate that it falls to. Default 0. */
  readonly decay_to?: number;
}

/**
 * Learning rate of a step, counted from 0, of a run of `steps`: rises as (step + 1) / warmup, then with
 * progress p = (step - warmup) / (steps - warmup) falls as 1 - p (linear), (1 + cos(pi p)) / 2 (cosine) or not at all;
 * with `decay_to` f it falls as far from 1 to f.
 */
export function learningRateAt(settings: LearningRateSettings, step: number, steps: number): number {
  const { learning_rate: peak, schedule, warmup_steps: warmup, decay_to: end = 0 } = settings;
  if (step < warmup) return (peak * (step + 1)) / warmup;
  if (schedule === 'constant') return peak;
  const falling =
    schedule === 'linear'
      ? (peak * (steps - step)) / (steps - warmup)
      : (peak * (1 + Math.cos((Math.PI * (step - warmup)) / (steps - warmup)))) / 2;
  return end * peak + (1 - end) * falling;
}
