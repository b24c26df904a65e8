import type { BaseModel } from '../../models/base-model.js';
import type { PlannedCell } from '../plan/resolved-plan.js';
import type { CheckpointWatcher, WatchedScore } from './checkpoint-watcher.js';
import type { EvaluationContext } from './evaluate-model.js';
import type { TrainCellOptions } from './train-cell.js';

export interface WatchingSettings {
  readonly watcher?: CheckpointWatcher;
  readonly onNotice: (notice: string) => void;
}

/** What trains a cell, so that its checkpoints are looked at; nothing for a cell that nobody watches. */
export type WatchCell = (cell: PlannedCell, base: BaseModel) => Pick<TrainCellOptions, 'onKept'>;

/** Has kept models of a run looked at, and says whether their trainings go on. */
export function prepareWatching(
  { watcher, onNotice }: WatchingSettings,
  { folder, signal, onEvent }: Pick<EvaluationContext, 'folder' | 'signal' | 'onEvent'>,
): WatchCell {
  return (cell, base) => {
    if (watcher === undefined || cell.training?.watchedSteps === undefined) return {};
    const place = folder.cellFolder(cell.name);
    let isTold = false;
    return {
      onKept: async (step, model) => {
        const found = await watcher.look({ cell, base, folder: place, step, model }, { signal });
        onEvent({ kind: 'checkpoint-scored', cell: cell.name, ...found });
        const { alarm } = found;
        if (alarm === null) return 'go-on';
        if (!isTold) onNotice(describeAlarm(cell.name, alarm));
        isTold = true;
        return watcher.stops ? 'stop' : 'go-on';
      },
    };
  };
}

function describeAlarm(cell: string, { step, lastGood }: NonNullable<WatchedScore['alarm']>): string {
  const good = lastGood === null ? 'the base is the last good model' : `the last good step is ${String(lastGood)}`;
  return `${cell}: alarm at step ${String(step)}; ${good}`;
}
