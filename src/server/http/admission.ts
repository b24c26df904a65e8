import { ProtocolError } from './protocol-error.js';

/** Counts the answers that are being sampled or wait for it, and refuses more than there is room for. */
export interface Admission {
  /** @returns gives the places free */
  readonly enter: (answers: number) => () => void;
}

export function createAdmission(most: number): Admission {
  let inside = 0;
  return {
    enter: (answers) => {
      // A request for more than there is room for is admitted when it is alone.
      if (inside > 0 && inside + answers > most) {
        throw new ProtocolError({
          status: 429,
          type: 'rate_limit_error',
          message: `${inside} answers are being sampled or wait for it, and this server has room for ${most}`,
          code: 'rate_limit_exceeded',
          headers: { 'retry-after': '1' },
        });
      }
      inside += answers;
      return () => {
        inside -= answers;
      };
    },
  };
}

/** Counts the bytes of bodies that are in memory, of all requests together. */
export interface BodyBudget {
  /** Throws what the client is told where there is no room. */
  readonly take: (bytes: number) => void;
  readonly giveBack: (bytes: number) => void;
}

export function createBodyBudget(most: number): BodyBudget {
  let taken = 0;
  return {
    take: (bytes) => {
      if (taken + bytes > most) {
        throw new ProtocolError({
          status: 429,
          type: 'rate_limit_error',
          message: 'Too much is being sent to this server at the same time',
          code: 'rate_limit_exceeded',
          headers: { 'retry-after': '1', connection: 'close' },
        });
      }
      taken += bytes;
    },
    giveBack: (bytes) => {
      taken -= bytes;
    },
  };
}

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
