import { DriftlineError } from '../../../foundation/driftline-error.js';
import { formatDollars } from '../../../foundation/format-quantities.js';
import { kindOfUse, type MeteredUse } from './spending-file.js';

interface ReachedLimit {
  readonly limit: number;
  /** What is paid. */
  readonly cost: number;
  /** The most that batches on their way may cost, and an estimate of jobs on their way. */
  readonly onItsWay: number;
  /** The most that would be next may cost. */
  readonly next: number;
}

export function costLimitReached({ limit, cost, onItsWay, next }: ReachedLimit): DriftlineError {
  const waited = onItsWay > 0 ? `, up to ${formatDollars(onItsWay)} is on its way` : '';
  return new DriftlineError({
    code: 'cost-limit-reached',
    message: `the limit of ${formatDollars(limit)} is reached: ${formatDollars(cost)} is paid${waited}, and what comes next may cost ${formatDollars(next)}`,
    hint: 'Run the same command again with a higher --max-cost: it goes on from there, and nothing is paid twice.',
    details: { limit, paid: cost, onItsWay, next },
  });
}

/** A limit needs prices: what may be spent without one cannot be known. */
export function priceUnknown(uses: readonly MeteredUse[], hint = planHint(uses)): DriftlineError {
  const missing = [...new Set(uses.map(describeMissing))];
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `--max-cost needs all prices, and it is not known what is asked for ${missing.join(', ')}`,
    hint,
    details: { models: [...new Set(uses.map(({ model }) => model.text))] },
  });
}

/** The same of a cluster. */
export function gpuPriceUnknown(): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: '--max-cost needs all prices, and it is not known what a GPU of the cluster costs',
    hint: 'Write what one GPU costs an hour into the plan, in US dollars, 0 for your own: cluster: { price: 2.5 }.',
  });
}

function describeMissing({ model, purpose, isTuned = false }: MeteredUse): string {
  const kind = kindOfUse({ purpose, tuned: isTuned });
  return kind === 'model'
    ? `calls of ${model.text}`
    : kind === 'tuned'
      ? `calls of models fine-tuned from ${model.text}`
      : `fine-tuning ${model.text}`;
}

function planHint(uses: readonly MeteredUse[]): string {
  const text = uses[0]?.model.text ?? '';
  const training = uses.some(({ purpose }) => purpose === 'fine-tuning') ? ', training: 25' : '';
  return `Write what it costs into the plan, in US dollars for a million tokens, 0 for a server of your own: prices: { "${text}": { input: 2.5, output: 10${training} } }.`;
}
