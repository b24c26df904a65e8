import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ErrorCode } from '../../foundation/error-codes.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { maskKey } from '../hosted/client/hosted-client.js';
import { services } from '../services/services.js';

/** What may go wrong at the service, as the worker tells it apart; `died` is the end of the worker itself. */
export const tinkerKinds = [
  'key',
  'billing',
  'limit',
  'missing',
  'refused',
  'lost',
  'expired',
  'disk',
  'sdk',
  'other',
  'died',
] as const;

type TinkerKind = (typeof tinkerKinds)[number];

/** A call of the SDK that failed. Its words may have the key in them: they are shown by `explainTinkerFailure` alone. */
export class TinkerFailure extends Error {
  override readonly name = 'TinkerFailure';
  constructor(
    readonly kind: TinkerKind,
    readonly type: string,
    message: string,
  ) {
    super(message);
  }
}

/** Whether a new session from the last state may do better. */
export function isLostSession(failure: unknown): failure is TinkerFailure {
  return failure instanceof TinkerFailure && ['lost', 'expired', 'died'].includes(failure.kind);
}

export interface FailedCall {
  readonly model: string;
  readonly host: string;
  /** Never shown, whoever quotes it. */
  readonly key: string;
  /** Where files were to be written. */
  readonly folder: string;
}

/** What went wrong at Tinker. There is no `cause`: it might hold the key. */
export function explainTinkerFailure(failure: unknown, { model, host, key, folder }: FailedCall): unknown {
  if (!(failure instanceof TinkerFailure)) return failure;
  const { kind, type } = failure;
  const said = describeSaid(failure, key);
  const fail = (code: ErrorCode, message: string, hint: string): DriftlineError =>
    new DriftlineError({ code, message, hint, details: { model, host, kind, type } });
  const { address, key: variable } = services.tinker.variables;
  switch (kind) {
    case 'key':
      // Servers quote the key in part: their words stay out.
      return fail(
        'provider-unauthorized',
        `${host} refused the key to fine-tune ${model}`,
        `Check ${variable}; keys of Tinker begin with tml-.`,
      );
    case 'billing':
      return fail(
        'provider-quota',
        `${host} wants billing to be set up, or a bill to be paid: ${said}`,
        "Set up billing in the service's console; waiting does not help.",
      );
    case 'limit':
      return fail(
        'provider-quota',
        `${host} refused for its limits: ${said}`,
        'Run the same command again later: it goes on from the last state. Fewer cells at once ask for less.',
      );
    case 'missing':
    case 'refused':
      return fail(
        'provider-refused',
        `${host} refused what ${model} was to do: ${said}`,
        `Change what the message names; the last state is kept. A model that is not there any more has another name in its list of models; ${address} says which server is asked.`,
      );
    case 'disk':
      return writeFailure(folder, Object.assign(new Error(said), { code: 'ENOSPC' }));
    case 'lost':
    case 'expired':
    case 'died':
    case 'sdk':
    case 'other':
      return fail(
        'provider-unavailable',
        `${model} could not be fine-tuned at ${host}: ${said}`,
        `Run the same command again: it goes on from the last state. Check the network, and ${address}.`,
      );
  }
}

/** What the service or Python said, without the key. */
export function describeSaid({ kind, type, message }: TinkerFailure, key: string): string {
  const said = maskKey(message, key).slice(0, 500);
  if (kind === 'died') return `the process of its SDK ended (${type})${said === '' ? '' : `: ${said}`}`;
  return said === '' ? type : `${said} (${type})`;
}

/** The Python that was to be used, and why it cannot be. */
export function sdkMissing(python: string, why: string): DriftlineError {
  return new DriftlineError({
    code: 'tinker-sdk-missing',
    message: `${python} has no SDK of Tinker that can be used: ${why}`,
    hint: `Run ${python} -m pip install --upgrade tinker (it needs Python 3.11 or later), or name a Python that has it: DRIFTLINE_PYTHON=/path/to/python.`,
    details: { python },
  });
}
