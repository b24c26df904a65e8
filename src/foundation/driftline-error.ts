import { type ErrorCode, errorCodes } from './error-codes.js';

const marker = Symbol.for('driftline.error');

export interface DriftlineErrorOptions {
  readonly code: ErrorCode;
  readonly message: string;
  /** What to do next, as a sentence. */
  readonly hint: string;
  readonly cause?: unknown;
  /** Facts for programs: file, line, tensor, step. */
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The one error class of driftline: every failure that a user can meet has a code, a hint and an exit code. */
export class DriftlineError extends Error {
  readonly [marker] = true;
  readonly code: ErrorCode;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(options: DriftlineErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'DriftlineError';
    this.code = options.code;
    this.hint = options.hint;
    this.details = options.details ?? {};
  }

  get exitCode(): number {
    return errorCodes[this.code].exitCode;
  }

  /** Recognises errors of another copy of the package, too. */
  static isInstance(value: unknown): value is DriftlineError {
    return typeof value === 'object' && value !== null && marker in value;
  }
}

/** The same failure with the place where it was met before its message; what is no DriftlineError stays as it is. */
export function namePlace(place: string, cause: unknown): unknown {
  if (!DriftlineError.isInstance(cause)) return cause;
  const { code, message, hint, details } = cause;
  return new DriftlineError({ code, message: `${place}: ${message}`, hint, details, cause });
}
