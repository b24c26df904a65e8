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
      // Whoever wants more than there is room for gets in when nobody else is there.
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
