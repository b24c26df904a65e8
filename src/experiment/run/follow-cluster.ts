import { join } from 'node:path';
import type { Range } from '../../judging/language-judge.js';
import { correctByMeasured, readMeasuredCell } from '../../models/cluster/measured-cell.js';
import { estimateWallSeconds, type ClusterForecast, type ClusterTrainingForecast } from './forecast-cluster.js';
import type { RunForecast } from './forecast-run.js';
import type { RunEvent } from './run-progress.js';

/** How much of a forecast is left while its run goes on. */
export interface FollowedForecast {
  readonly note: (event: RunEvent) => void;
  /** Seconds with so many GPUs; null where nobody knows. */
  readonly left: (gpus: number) => Range | null;
}

/** Follows a forecast: what is done is not left, and the first finished fine-tune of a base and recipe tells how long the others take. */
export function followForecast(
  forecast: ClusterForecast,
  { folder, cells }: Pick<RunForecast, 'folder' | 'cells'>,
): FollowedForecast {
  const trainings = forecast.trainings.map((one) => ({
    ...one,
    left: new Map(cells.filter(({ cell }) => one.cells.includes(cell)).map(({ cell, stepsToDo }) => [cell, stepsToDo])),
  }));
  const answers = new Map(cells.map(({ cell, model, answersToAsk }) => [cell, { model, left: answersToAsk }]));

  async function learn(training: (typeof trainings)[number], cell: string): Promise<void> {
    const measured = await readMeasuredCell(join(folder, 'cells', cell));
    const { memory, secondsPerStep } = training;
    const corrected = correctByMeasured({ memory, seconds: secondsPerStep }, measured);
    Object.assign(training, {
      secondsPerStep: corrected.seconds,
      isMeasured: corrected.isMeasured,
    } satisfies Partial<ClusterTrainingForecast>);
  }

  function finish(cell: string): void {
    const training = trainings.find(({ left }) => left.has(cell));
    if (training === undefined) return;
    training.left.delete(cell);
    // What could not be read is not learnt.
    if (!training.isMeasured) learn(training, cell).catch(() => undefined);
  }

  return {
    note: (event) => {
      const { cell } = event;
      if (event.kind === 'training-step')
        trainings.find(({ left }) => left.has(cell))?.left.set(cell, event.steps - event.step);
      else finish(cell);
      const asked = answers.get(cell);
      if (asked === undefined) return;
      if (event.kind === 'answers-stored') asked.left = Math.max(0, asked.left - event.stored);
      if (event.kind === 'cell-finished') asked.left = 0;
    },
    left: (gpus) =>
      estimateWallSeconds(
        {
          settings: forecast.settings,
          trainings: trainings.flatMap(({ left, ...one }) =>
            left.size === 0
              ? []
              : [{ ...one, cells: [...left.keys()], steps: [...left.values()].reduce((sum, steps) => sum + steps, 0) }],
          ),
          samplings: forecast.samplings.flatMap((one) => {
            const ofBase = [...answers.values()].filter(({ model }) => model === one.base);
            const count = ofBase.reduce((sum, { left }) => sum + left, 0);
            return count === 0 ? [] : [{ ...one, answers: count }];
          }),
        },
        gpus,
      ),
  };
}
