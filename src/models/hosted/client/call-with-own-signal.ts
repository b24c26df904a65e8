/**
 * Gives a call a signal of its own that follows another. OpenAI's client never takes its listener off the signal that it is given: one for all calls
 * would gather thousands.
 */
export async function callWithOwnSignal<Result>(
  signal: AbortSignal | undefined,
  call: (own: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const own = new AbortController();
  const stop = (): void => {
    own.abort();
  };
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    return await call(own.signal);
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
