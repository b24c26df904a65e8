import { hashJson } from '../foundation/content-hash.js';
import type { BaseModel } from './open-base-model.js';
import type { Sampler } from './sampler.js';
import type { Trainer, TunedModel } from './trainer.js';

/** A model that a caller brings: driftline asks and fine-tunes it through the interfaces that its own models have. */
export interface OwnModel {
  /** Changes whenever the model may answer otherwise: what is stored of another identity is asked anew. */
  readonly identity: string;
  /** The model itself (null), or what its trainer made of it. */
  readonly openSampler: (tuned: TunedModel | null) => Sampler | Promise<Sampler>;
  /** Not there where it cannot be fine-tuned. */
  readonly openTrainer?: () => Trainer | Promise<Trainer>;
}

/** A caller's model as the base of a plan, under the name that the plan uses. */
export function createOwnBase(name: string, { identity, openSampler, openTrainer }: OwnModel): BaseModel {
  return {
    reference: { provider: 'own', text: name },
    identity: hashJson({ own: identity }),
    engine: null,
    endpoint: null,
    reviewTraining: null,
    requireBatches: null,
    sizeWork: null,
    openProcess: null,
    openTrainer: openTrainer === undefined ? null : async () => openTrainer(),
    // What is too long, only its trainer knows.
    fitRows:
      openTrainer === undefined
        ? null
        : (rows) =>
            Promise.resolve({ rows: rows.length, truncated: 0, dropped: 0, droppedUnsupervised: 0, tokensLost: 0 }),
    openSampler: async (tuned) => openSampler(tuned),
  };
}
