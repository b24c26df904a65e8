import { BlockList, isIP } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether a name or address means this machine alone; brackets around IPv6 addresses are allowed. */
export function isLoopbackHost(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1');
  const version = isIP(address);
  if (version === 0) return address.toLowerCase() === 'localhost';
  // What the list would say, sooner: every call is asked for its host.
  return version === 4 ? address.startsWith('127.') : loopback.check(address, 'ipv6');
}
