import { join } from 'node:path';
import { DriftlineError } from '../../foundation/driftline-error.js';

/** Training that was stopped on request after `step` of `steps`; its folder has everything to continue. */
export function interruptedTraining(step: number, steps: number, folder: string): DriftlineError {
  return new DriftlineError({
    code: 'interrupted',
    message: `Training stopped after step ${String(step)} of ${String(steps)}; everything is saved in ${folder}`,
    hint: 'Run the same command again to continue.',
    details: { step, steps, folder },
  });
}

/** Training that diverged in `step`, from 1. `goodStep` is the step of the latest sound state in `folder`, if there is one. */
export function divergedTraining(
  step: number,
  numbers: { readonly loss: number; readonly norm: number },
  goodStep: number | null,
  folder: string,
): DriftlineError {
  const { loss, norm } = numbers;
  const kept = goodStep === null ? null : join(folder, `step-${String(goodStep)}`);
  const found = `loss ${String(loss)}, gradient norm ${String(norm)}`;
  return new DriftlineError({
    code: 'loss-not-finite',
    message: `Training diverged at step ${String(step)}: ${found}${Number.isFinite(loss + norm) ? ', and parameters that are not finite after it' : ''}`,
    hint: `Lower the learning rate or the alpha. ${kept === null ? 'No earlier state had been saved' : `The last good state is kept in ${kept}`}.`,
    details: { step, loss, norm, kept },
  });
}
