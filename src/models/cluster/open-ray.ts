import { type Clock, systemClock } from '../../foundation/clock.js';
import { readRayToken, requireSafeAddress } from './cluster-security.js';
import { createRayClient, type RayClient } from './ray-client.js';

export interface RayOpening {
  /** Address of the dashboard. */
  readonly ray: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether a Ray that others reach may have no token. */
  readonly allowsOpen?: boolean;
  readonly onNotice?: (notice: string) => void;
  readonly clock?: Clock;
  /** Retries of a request that was lost. */
  readonly retries?: number;
}

/** A client for the Ray at an address, with the token that Ray's own tools would find. Asks nothing yet. */
export async function openRay(opening: RayOpening): Promise<RayClient> {
  const { environment, allowsOpen = false, onNotice = () => undefined, clock = systemClock, retries } = opening;
  const token = await readRayToken(environment);
  const { address, notices } = requireSafeAddress(opening.ray, { token, allowsOpen });
  for (const notice of notices) onNotice(notice);
  return createRayClient(address, { token, clock, ...(retries === undefined ? {} : { retries }) });
}
