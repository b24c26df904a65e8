import { DriftlineError } from '../../foundation/driftline-error.js';
import { locateFrom } from './plan-models.js';
import type { Plan } from './plan-schema.js';
import { canBeWatched } from './resolve-cells.js';
import type { PlannedMonitor, ResolvedPlan } from './resolved-plan.js';

/** How checkpoints of a plan are scored; `folder` is what its paths are relative to. Throws where there is nothing to watch. */
export function resolveMonitor(
  { monitor }: Plan,
  source: string,
  { folder, cells, bases }: Pick<ResolvedPlan, 'cells' | 'bases'> & { readonly folder: string },
): PlannedMonitor | null {
  if (monitor === undefined) return null;
  if (cells.every(({ training }) => training?.watchedSteps === undefined))
    throw new DriftlineError({
      code: 'configuration-invalid',
      message: `${source}: monitor has nothing to watch: ${
        [...bases.values()].some(canBeWatched)
          ? 'none of its conditions is trained'
          : `${[...bases.keys()].join(', ')} ${bases.size === 1 ? 'is' : 'are'} not trained here`
      }`,
      hint: 'Checkpoints are scored of what is trained on this machine. Watch others with driftline watch, or leave monitor out.',
    });
  const { calibration, rate, choices, stop } = monitor;
  const locate = (file: string | undefined): string | null => (file === undefined ? null : locateFrom(folder, file));
  return { calibration: locate(calibration), rate, choices: locate(choices), stop };
}

/** Bases whose trainings nobody watches although the plan has a monitor. */
export function remarkOnUnwatched(
  monitor: PlannedMonitor | null,
  { cells, bases }: Pick<ResolvedPlan, 'cells' | 'bases'>,
): string[] {
  if (monitor === null) return [];
  return [...bases].flatMap(([name, base]) =>
    canBeWatched(base) || !cells.some((cell) => cell.base === name && cell.training !== null)
      ? []
      : [`monitor: ${name} is not trained here, so that nobody watches its trainings`],
  );
}
