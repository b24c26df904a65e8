import { readCalibration, type CalibrationItem } from '../../judging/calibration.js';
import type { Judge } from '../../judging/judge.js';
import type { BatchSettings } from '../../models/hosted/batches/batch-settings.js';
import type { HostedConnectionSettings } from '../../models/hosted/client/hosted-connection.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import { createExactJudge } from '../../organism/judge/exact-judge.js';
import type { World } from '../../organism/world/world.js';
import type { PlannedJudge } from '../plan/resolve-judge.js';

export interface OpenJudgeOptions extends Omit<HostedConnectionSettings, 'meter'> {
  readonly world: World;
  /** Stops calls that are open. */
  readonly signal?: AbortSignal;
  /** Asks a model that judges in batches. */
  readonly batches?: BatchSettings;
  /** Counts what a model that judges costs. */
  readonly spending?: SpendingLedger;
}

export interface OpenedJudge {
  readonly judge: Judge;
  /** Answers to be asked of it first; none where it needs no trust. */
  readonly calibration: readonly CalibrationItem[];
}

/** Makes a planned judge ready. Nothing is asked, and no key is looked for, until it judges. */
export async function openJudge(planned: PlannedJudge, { world, ...options }: OpenJudgeOptions): Promise<OpenedJudge> {
  if (planned.kind === 'exact') return { judge: createExactJudge(world), calibration: [] };
  const { openHostedJudge } = await import('../../models/hosted/chat/open-hosted-judge.js');
  return { judge: openHostedJudge({ ...planned, ...options }), calibration: await readCalibration() };
}
