import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { readPrivateFile } from '../../foundation/read-private-file.js';
import { ProtocolError } from './protocol-error.js';

/** The key that clients have to send, from a file or DRIFTLINE_SERVE_KEY; null where there is none. No error shows it. */
export async function readServeKey(
  environment: Readonly<Record<string, string | undefined>>,
  file: string | undefined,
): Promise<string | null> {
  const written = file === undefined ? environment['DRIFTLINE_SERVE_KEY'] : await readPrivateFile(file);
  if (written === undefined || (written === '' && file === undefined)) return null;
  const key = written.trim();
  if (/^[\x21-\x7e]{8,}$/.test(key)) return key;
  throw badKey(
    file ?? 'DRIFTLINE_SERVE_KEY',
    'a key has at least 8 characters, letters, digits and signs, without spaces',
  );
}

function badKey(place: string, problem: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${place}: ${problem}`,
    hint: 'Put a long random word there, for example of openssl rand -hex 24.',
  });
}

/** Throws where a request may not come in. */
export type Gate = (request: IncomingMessage) => void;

/**
 * With a key, requests must bear it. Without one only this machine is meant, and a page in a browser on this machine is not:
 * names that lead here from elsewhere, and requests of pages from elsewhere, are refused.
 */
export function createGate(key: string | null): Gate {
  if (key === null) return refuseForeignPages;
  const expected = digest(key);
  return ({ headers: { authorization = '' } }) => {
    const given = /^Bearer +(.+)$/i.exec(authorization)?.[1]?.trim();
    // Digests have one length, so that the time tells nothing of the key.
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
    throw new ProtocolError({
      status: 401,
      type: 'authentication_error',
      message:
        given === undefined
          ? 'A key is needed: send it in the header Authorization: Bearer KEY'
          : 'The key is not the one of this server',
      code: 'invalid_api_key',
      headers: { 'www-authenticate': 'Bearer' },
    });
  };
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refuseForeignPages({ headers: { host = '', origin } }: IncomingMessage): void {
  if (isLoopbackHost(hostnameOf(`http://${host}`)) && (origin === undefined || isLoopbackHost(hostnameOf(origin))))
    return;
  throw new ProtocolError({
    status: 403,
    type: 'permission_error',
    message: 'Without a key this server answers requests of its own machine alone',
    code: 'forbidden_origin',
  });
}

function hostnameOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}

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
