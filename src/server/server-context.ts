import type { BodyLimits } from './http/read-body.js';
import type { IdSource } from './id-source.js';
import type { ModelPool } from './models/model-pool.js';
import type { ModelRegistry } from './models/model-registry.js';

/** What all parts of the server work with. */
export interface ServerContext {
  readonly registry: ModelRegistry;
  readonly pool: ModelPool;
  /** Sequences that a model decodes at once. */
  readonly slots: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly makeId: IdSource;
  /** A seed for who names none. */
  readonly drawSeed: () => number;
  /** For JSON. */
  readonly bodyLimits: BodyLimits;
  /** For files. */
  readonly uploadLimits: BodyLimits;
  readonly onNotice: (notice: string) => void;
}

/** As the protocol counts time. */
export function secondsOf(context: Pick<ServerContext, 'now'>): number {
  return Math.floor(context.now() / 1000);
}
