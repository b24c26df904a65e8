import { APIError } from 'openai';
import { z } from 'zod';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { callWithOwnSignal } from '../client/call-with-own-signal.js';
import type { HostedClient } from '../client/hosted-client.js';

const listSchema = z.object({ data: z.array(z.unknown()) });

/** Asks a server, at no cost, whether it has batches, and refuses one that has none; `without` says what to leave out. */
export async function requireBatches(
  { client, host, explain }: HostedClient,
  model: string,
  without: string,
  signal?: AbortSignal,
): Promise<void> {
  const refuse = (): never => {
    throw new DriftlineError({
      code: 'configuration-invalid',
      message: `${model} cannot be asked in batches: ${host} has none`,
      hint: `Leave out ${without}: it is then asked by single calls, which come to the same.`,
      details: { model, host },
    });
  };
  try {
    const response = await callWithOwnSignal(signal, (own) =>
      client.batches.list({ limit: 1 }, { signal: own }).asResponse(),
    );
    // Otherwise it is a page of a proxy, or a list of another kind.
    if (!listSchema.safeParse(await response.json().catch(() => null)).success) refuse();
  } catch (failure) {
    if (DriftlineError.isInstance(failure)) throw failure;
    if (failure instanceof APIError && [404, 405, 501].includes(Number(failure.status))) refuse();
    throw explain(failure, model);
  }
}
