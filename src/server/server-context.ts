import type { BodyLimits } from './http/read-body.js';
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
  /** A seed for requests without one. */
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

/** Makes ids that cannot be guessed, with a prefix for their kind. */
export type IdSource = (prefix: string) => string;

const bytesOfId = 12;

/** Random bytes are drawn for many ids at once, because the call costs most. */
const idsAtOnce = 256;

export function createIdSource(randomBytes: (count: number) => Uint8Array): IdSource {
  let bytes = Buffer.alloc(0);
  let used = 0;
  return (prefix) => {
    if (used === bytes.length) {
      bytes = Buffer.from(randomBytes(bytesOfId * idsAtOnce));
      used = 0;
    }
    used += bytesOfId;
    return `${prefix}${bytes.toString('hex', used - bytesOfId, used)}`;
  };
}
