import type { ErrorCode } from '../../foundation/error-codes.js';
import { DriftlineError } from '../../foundation/driftline-error.js';

/** The kinds of errors that clients of the protocol tell apart. */
type ProtocolErrorType =
  'invalid_request_error' | 'authentication_error' | 'permission_error' | 'rate_limit_error' | 'server_error';

interface ProtocolErrorOptions {
  readonly status: number;
  readonly type?: ProtocolErrorType;
  readonly message: string;
  readonly code?: string | null;
  /** The part of the request that is at fault. */
  readonly param?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

/** What a client is told went wrong, in the protocol's form. */
export class ProtocolError extends Error {
  readonly status: number;
  readonly type: ProtocolErrorType;
  readonly code: string | null;
  readonly param: string | null;
  readonly headers: Readonly<Record<string, string>>;

  constructor(options: ProtocolErrorOptions) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ProtocolError';
    this.status = options.status;
    this.type = options.type ?? (options.status >= 500 ? 'server_error' : 'invalid_request_error');
    this.code = options.code ?? null;
    this.param = options.param ?? null;
    this.headers = options.headers ?? {};
  }

  toBody(): object {
    const { message, type, param, code } = this;
    return { error: { message, type, param, code } };
  }
}

/** Failures that are the request's own fault, with what the protocol calls them. */
const requestFaults: Partial<Record<ErrorCode, string>> = {
  'usage-invalid': 'invalid_value',
  'row-too-long': 'context_length_exceeded',
  'rows-invalid': 'invalid_value',
  'json-lines-invalid': 'invalid_value',
  'recipe-invalid': 'invalid_value',
  'chat-template-invalid': 'invalid_value',
  'tokenizer-invalid': 'invalid_value',
};

/** A failure in the protocol's form. The client is not told the details of internal errors. */
export function toProtocolError(failure: unknown): ProtocolError {
  if (failure instanceof ProtocolError) return failure;
  if (DriftlineError.isInstance(failure)) {
    const { code, message, hint } = failure;
    const name = requestFaults[code];
    return new ProtocolError({
      status: name === undefined ? 500 : 400,
      message: `${message.replace(/\.$/, '')}. ${hint}`,
      code: name ?? code,
      cause: failure,
    });
  }
  return new ProtocolError({
    status: 500,
    message: 'driftline failed unexpectedly',
    code: 'internal-error',
    cause: failure,
  });
}

export function notFound(message: string, param: string | null = null, code: string | null = null): ProtocolError {
  return new ProtocolError({ status: 404, message, param, code });
}

export function badRequest(message: string, param: string | null = null, code: string | null = null): ProtocolError {
  return new ProtocolError({ status: 400, message, param, code });
}
