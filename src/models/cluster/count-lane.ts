import { z } from 'zod';
import type { ClusterRun } from './cluster-run.js';
import { secondsBetweenLooks } from './cluster-spending.js';
import { laneStartSeconds } from './estimate-cluster.js';

/** What the vLLM of a lane costs, as it goes on. */
export interface CountedLane {
  /** Does work once its start fits within the limit of what the run may cost. */
  readonly hold: <Result>(leave: AbortSignal, work: () => Promise<Result>) => Promise<Result>;
  /** A job of the lane begins, or goes on. */
  readonly open: () => Promise<void>;
  /** Counts until now. Where the limit does not allow more, all vLLMs of the run are stopped, and `cost-limit-reached` is thrown. */
  readonly goOn: () => Promise<void>;
  /** Counts by what the lane says itself when its job has ended; until it will have ended if it goes on without being looked at. */
  readonly settle: (hasEnded: boolean) => Promise<void>;
}

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
    hold: (leave, work) =>
      meter === null || !meter.isLimited
        ? work()
        : meter.hold(lane, (meter.counted(lane) ?? 0) + spending.boundStart(), leave, work),
    open: async () => {
      await meter?.open(lane);
      began = null;
    },
    goOn: async () => {
      if (meter === null) return;
      began ??= { at: clock.now() - 1000 * laneStartSeconds, counted: meter.counted(lane) ?? 0 };
      meter.note(lane, soFar());
      const refusal = meter.refuse(gpus * secondsBetweenLooks);
      if (refusal === null) return;
      await stopLanes();
      throw refusal;
    },
    settle: async (hasEnded) => {
      if (meter === null || meter.counted(lane) === null) return;
      const own = await readOwnCount();
      const byClock = soFar() + (hasEnded || began === null ? 0 : gpus * linger);
      await meter.settle(lane, hasEnded && own !== null ? own : Math.max(own ?? 0, byClock));
    },
  };
}
