import type { GraphHost } from './graph-host.js';

/** Waits until all hosts are open. If one cannot be opened, the others are released, and its fault is thrown. */
export async function gatherHosts(opening: readonly Promise<GraphHost>[]): Promise<readonly GraphHost[]> {
  const opened = await Promise.allSettled(opening);
  const hosts = opened.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  const failed = opened.find((result) => result.status === 'rejected');
  if (failed === undefined) return hosts;
  await Promise.all(hosts.map((host) => host.release()));
  throw failed.reason;
}
