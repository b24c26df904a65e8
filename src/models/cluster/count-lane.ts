import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ClusterRun } from './cluster-run.js';
import { secondsBetweenLooks } from './cluster-spending.js';
import { laneStartSeconds } from './estimate-cluster.js';

/** What the vLLM of a lane costs, as it goes on. */
export interface CountedLane {
  /** Does work once its start fits within the limit of what the run may cost. Where it never will, all vLLMs of the run are stopped. */
  readonly hold: <Result>(leave: AbortSignal, work: () => Promise<Result>) => Promise<Result>;
  /** A job of the lane begins, or goes on. */
  readonly open: () => Promise<void>;
  /**
   * Counts until now. False where the limit does not allow more, be it only because fine-tunes under way hold it:
   * whoever holds again waits.
   */
  readonly goesOn: () => boolean;
  /** Counts by what the lane says itself when its job has succeeded; by the clock, too, however else it ended. */
  readonly settle: (end: LaneEnd) => Promise<void>;
}

/**
 * How a job of a lane ended: what did not succeed had no time to say what it cost. What goes on ends by itself, without
 * being looked at.
 */
export type LaneEnd = 'succeeded' | 'ended' | 'goes on';

const stateSchema = z.looseObject({ gpu_seconds: z.number().nonnegative().nullish() });

/** Counts GPU-seconds of a lane: all its jobs together, as it does itself. */
export function countLane(
  { spending, settings, clock, wayBack, stopLanes }: ClusterRun,
  { lane, home, model }: { readonly lane: string; readonly home: string; readonly model: string },
): CountedLane {
  const meter = spending.meter('answers', model);
  const { gpus_per_sampler: gpus, linger } = settings;
  /** What was counted of it when it began to answer, and when that was. */
  let began: { readonly at: number; readonly counted: number } | null = null;
  const soFar = (): number =>
    began === null ? (meter?.counted(lane) ?? 0) : began.counted + (gpus * (clock.now() - began.at)) / 1000;

  async function readOwnCount(): Promise<number | null> {
    try {
      const bytes = await (await wayBack()).read(`${home}/state.json`, { purpose: 'done' });
      return bytes === null ? null : (stateSchema.parse(JSON.parse(Buffer.from(bytes).toString())).gpu_seconds ?? null);
    } catch {
      // What it costs is then counted by the clock: that must stop nobody.
      return null;
    }
  }

  return {
    hold: async (leave, work) => {
      if (meter === null || !meter.isLimited) return work();
      const most = (meter.counted(lane) ?? 0) + spending.boundStart();
      return meter.hold(lane, most, leave, work).catch(async (cause: unknown) => {
        if (DriftlineError.isInstance(cause) && cause.code === 'cost-limit-reached') await stopLanes();
        throw cause;
      });
    },
    open: async () => {
      await meter?.open(lane);
      began = null;
    },
    goesOn: () => {
      if (meter === null) return true;
      began ??= { at: clock.now() - 1000 * laneStartSeconds, counted: meter.counted(lane) ?? 0 };
      meter.note(lane, soFar());
      return meter.refuse(gpus * secondsBetweenLooks) === null;
    },
    settle: async (end) => {
      if (meter === null || meter.counted(lane) === null) return;
      const own = await readOwnCount();
      const byClock = soFar() + (end !== 'goes on' || began === null ? 0 : gpus * linger);
      await meter.settle(lane, end === 'succeeded' && own !== null ? own : Math.max(own ?? 0, byClock));
    },
  };
}
