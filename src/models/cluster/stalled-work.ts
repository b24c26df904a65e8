import { z } from 'zod';
import { type Clock, waitFor } from '../../foundation/clock.js';
import type { ClusterRun } from './cluster-run.js';
import type { RayClient } from './ray-client.js';
import type { WayBack } from './way-back.js';

/** What the driver of a job writes for its work, and what the attempt on a node writes when it begins. */
const placedSchema = z.looseObject({ job: z.string() });

/**
 * Milliseconds without a sign after which a job is looked at from here. The node itself ends what does nothing after
 * `stalled_after`, and says so; this is for nodes that say nothing any more, and so comes later.
 */
export function quietAfter({ settings, pace }: Pick<ClusterRun, 'settings' | 'pace'>): number {
  return settings.stalled_after * 60_000 * 1.5 + (pace.quiet ?? 60_000);
}

/** Whether quiet work has its node already: what waits for a GPU may wait for days, and has not stalled. */
export async function isPlaced(wayBack: WayBack, home: string, signal?: AbortSignal): Promise<boolean> {
  const read = async (name: string): Promise<string | null> => {
    const bytes = await wayBack.read(`${home}/${name}`, { purpose: 'progress', signal });
    if (bytes === null) return null;
    try {
      return placedSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8'))).job;
    } catch {
      return null;
    }
  };
  const placed = await read('placed.json');
  return placed !== null && placed === (await read('owner.json'));
}

/** Stops a job that hangs; returns when Ray says that it has ended, or after a minute. */
export async function stopStalled(ray: RayClient, id: string, clock: Clock, signal: AbortSignal): Promise<void> {
  for (const until = clock.now() + 60_000; clock.now() < until;) {
    if ((await ray.stop(id, signal)) !== true) return;
    await waitFor(clock, 1000, signal);
  }
}
