import { systemClock } from '../../foundation/clock.js';
import { hashContent } from '../../foundation/content-hash.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { createHostedTraffic, type HostedTraffic } from './hosted-traffic.js';

/** By the way out of the program, then by server and key. */
const shared = new WeakMap<typeof globalThis.fetch, Map<string, HostedTraffic>>();

/**
 * The traffic to a server with a key. Limits are counted there: whoever asks over the same `fetch`, be it for answers or for judgements, goes through
 * the same.
 */
export function shareHostedTraffic(fetch: typeof globalThis.fetch, endpoint: string, key: string): HostedTraffic {
  let traffics = shared.get(fetch);
  if (traffics === undefined) shared.set(fetch, (traffics = new Map<string, HostedTraffic>()));
  const name = `${endpoint} ${hashContent(key)}`;
  let traffic = traffics.get(name);
  if (traffic === undefined) {
    // Jitter is there so that processes differ.
    const jitter = createRandomStream(process.pid, 'traffic', endpoint);
    traffics.set(name, (traffic = createHostedTraffic({ clock: systemClock, uniform: () => jitter.uniform() })));
  }
  return traffic;
}
