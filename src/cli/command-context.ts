import type { Readable } from 'node:stream';
import type colors from 'picocolors';
import type { ProgressStream } from '../foundation/progress-line.js';

/** The effects that a command has, and what the global options ask of it. */
export interface CommandContext {
  /** Whether results are wanted as JSON. */
  readonly json: boolean;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fetch: typeof globalThis.fetch;
  /** Bytes of memory available to models that run here. */
  readonly memory: number;
  /** A clock in milliseconds. */
  readonly now: () => number;
  /** Milliseconds since 1970. */
  readonly date: () => number;
  /** Aborted when the user interrupts. */
  readonly signal: AbortSignal;
  readonly stdin: Readable;
  /** Shows a file in the user's browser; false if none can be started. */
  readonly openInBrowser: (file: string) => Promise<boolean>;
  /** Starts the same command line again, without --detach, in a process that outlives this one; what it says goes to the file. */
  readonly startDetached: (log: string) => Promise<number>;
  /** Writes a result and a line feed, in a style of `colors`. On a terminal control characters of the text are shown escaped. */
  readonly print: (text: string, style?: (text: string) => string) => void;
  /** Writes a result as JSON. */
  readonly printJson: (value: unknown) => void;
  /** Tells the user something that is not a result; silent with --quiet and --json. */
  readonly notify: (notice: string) => void;
  /** Tells what must not be missed, also with --quiet; with --json as an object on a line of its own. */
  readonly insist: (notice: string) => void;
  /** Where progress is shown: nowhere with --quiet, and with --json on terminals only. */
  readonly progress: ProgressStream;
  /** For results; adds nothing without a terminal, or if no colour is wanted. */
  readonly colors: ReturnType<typeof colors.createColors>;
}
