import { ProtocolError } from './protocol-error.js';

/** Jobs, and batches, that may wait. */
const mostWaiting = 1000;

/** Refuses more than the server will ever get through. */
export function requireRoom(waiting: number, what: string): void {
  if (waiting < mostWaiting) return;
  throw new ProtocolError({
    status: 429,
    type: 'rate_limit_error',
    message: `${waiting} ${what} are not done yet, and no more are taken`,
    code: 'rate_limit_exceeded',
    headers: { 'retry-after': '60' },
  });
}
