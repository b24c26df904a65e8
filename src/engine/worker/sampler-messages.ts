import type { ErrorCode } from '../../foundation/error-codes.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { Interventions } from '../sample/decode-runner.js';
import type { SampledAnswer, SampledToken, SampleRequest } from '../sample/sample-request.js';

/** What a sampler is opened with; plain data, since it crosses to another thread. */
export interface SamplerSettings {
  /** A model folder. */
  readonly model: string;
  /** An adapter folder, merged into the model's weights. */
  readonly adapter?: string;
  /** Changes of the residual stream; each call may give other vectors for the same layers. */
  readonly interventions?: Interventions;
  /** Threads per operator. Default all cores. */
  readonly threads?: number;
}

export type ToWorker =
  | {
      readonly kind: 'sample';
      readonly call: number;
      readonly requests: readonly SampleRequest[];
      readonly slots: number | undefined;
      readonly interventions: Interventions;
      /** Whether tokens are wanted as they are drawn. */
      readonly tokens: boolean;
    }
  | { readonly kind: 'stop'; readonly call: number }
  | { readonly kind: 'close' };

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'token'; readonly call: number; readonly token: SampledToken }
  | {
      readonly kind: 'answer';
      readonly call: number;
      readonly answer: SampledAnswer;
      /** Whether it is the last answer of the call: a separate message would cost as much as the answer's. */
      readonly isLast: boolean;
    }
  /** The end of a call without requests. */
  | { readonly kind: 'done'; readonly call: number }
  | { readonly kind: 'fault'; readonly call: number | null; readonly fault: Fault };

/** An error as plain data. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
  readonly details: Readonly<Record<string, unknown>>;
}

export function faultOf(error: unknown): Fault {
  if (DriftlineError.isInstance(error)) {
    const { code, message, hint, details } = error;
    return { code, message, hint, details };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: 'internal-error', message, hint: 'Please report this.', details: {} };
}
