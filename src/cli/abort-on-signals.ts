export interface SignalSource {
  on(name: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
}

export interface AbortOnSignalsSettings {
  /** process is one. */
  readonly source: SignalSource;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
  /** Called at the first signal. */
  readonly onFirst: () => void;
}

/** The first SIGINT or SIGTERM aborts the signal, so that work can end in order; a second one exits at once. */
export function abortOnSignals({ source, exit, onFirst }: AbortOnSignalsSettings): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) {
      exit(130);
      return;
    }
    onFirst();
    controller.abort();
  };
  source.on('SIGINT', stop);
  source.on('SIGTERM', stop);
  return controller.signal;
}
