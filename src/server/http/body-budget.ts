import { ProtocolError } from './protocol-error.js';

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
