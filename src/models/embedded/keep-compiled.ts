/** A compiled graph that is left open for the next call, and used by one call at a time. */
export interface KeptCompiled<Compiled> {
  /** Lets `work` use what the key stands for. What another key stood for is released first, and compiled anew when it is wanted again. */
  readonly use: <Result>(
    key: string,
    compile: () => Promise<Compiled>,
    work: (compiled: Compiled) => Promise<Result>,
  ) => Promise<Result>;
  /** After the calls that are under way. May be called twice. */
  readonly release: () => Promise<void>;
}

/** Compiling takes longer than a short list of texts, and callers often want the same again. */
export function keepCompiled<Compiled extends { readonly release: () => Promise<void> }>(): KeptCompiled<Compiled> {
  let kept: { readonly key: string; readonly compiled: Compiled } | null = null;
  let last: Promise<unknown> = Promise.resolve();

  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const done = last.then(work);
    // The caller gets the failure; the next call runs all the same.
    last = done.catch(() => undefined);
    return done;
  }

  async function release(): Promise<void> {
    const before = kept;
    kept = null;
    await before?.compiled.release();
  }

  return {
    use: (key, compile, work) =>
      inTurn(async () => {
        if (kept?.key !== key) {
          await release();
          kept = { key, compiled: await compile() };
        }
        return work(kept.compiled);
      }),
    release: () => inTurn(release),
  };
}
