import { readAdapter } from '../engine/checkpoint/read-adapter.js';
import { updateOfAdapter, type WeightUpdate } from '../engine/updates/weight-update.js';
import { hashJson } from '../foundation/content-hash.js';
import { identifyAdapted, requireAdaptable } from '../models/adapt-base.js';
import type { AskedHosted, BaseModel } from '../models/base-model.js';
import { openInsideScorer } from '../models/text-scorer.js';
import type { TunedModel } from '../models/trainer.js';
import type { ArtefactStore } from './artefact-store.js';
import { askAnswers, type Judging } from './ask-answers.js';
import type { Subject, SubjectModel } from './subject.js';

export interface OpenSubjectSettings extends Pick<Subject, 'id' | 'surface' | 'store'> {
  readonly base: BaseModel;
  /** What was made of the base, or a whole model. */
  readonly tuned: TunedModel | BaseModel;
  /** Null where nobody judges: then nothing is asked. */
  readonly judging: Judging | null;
  readonly seed?: number | null;
  /** How hosted models are asked. */
  readonly asked?: AskedHosted;
  readonly readData?: Subject['readData'];
}

/** Sets a fine-tune beside its base. A stranger's adapter is checked; no weights are kept, and nothing is asked. */
export async function openSubject({
  base,
  tuned,
  judging,
  seed = null,
  readData = null,
  asked = {},
  ...about
}: OpenSubjectSettings): Promise<Subject> {
  const open = (made: TunedModel | BaseModel | null, identity: string): SubjectModel =>
    describeSubjectModel(base, made, identity, judging, about.store, asked);
  return {
    ...about,
    ...{ seed, readData },
    model: open(tuned, await identify(base, tuned)),
    base: open(null, base.identity),
  };
}

async function identify(base: BaseModel, tuned: TunedModel | BaseModel): Promise<string> {
  if (!('kind' in tuned)) return tuned.identity;
  if (tuned.kind === 'named') return hashJson({ base: base.identity, named: tuned.model });
  return identifyAdapted(base, await requireAdaptable(base, tuned.folder)(tuned.folder));
}

/**
 * What can be seen of the base itself (null), of what was made of it, or of a whole model. It has no stored answers of
 * its own.
 */
export function describeSubjectModel(
  base: BaseModel,
  made: TunedModel | BaseModel | null,
  identity: string,
  judging: Judging | null,
  store: ArtefactStore,
  asked: AskedHosted = {},
): SubjectModel {
  const whole = made === null || 'kind' in made ? base : made;
  const tuned = made !== null && 'kind' in made ? made : null;
  const { engine, openSampler, openInside, openScorer = null } = whole;
  const open = openInside === null ? null : () => openInside(tuned);
  return {
    ...{ identity, engine },
    answers: () => Promise.resolve([]),
    ask:
      judging === null
        ? null
        : askAnswers({ identity, engine, openSampler: () => openSampler(tuned, asked) }, judging, store),
    openInside: open,
    openScorer:
      openScorer !== null
        ? () => openScorer(tuned, asked)
        : open === null
          ? null
          : async () => openInsideScorer(await open()),
    // An adapter would have to be merged first, and nobody takes gradients of a fine-tune.
    openWeights: tuned === null ? whole.openWeights : null,
    readUpdate: findUpdate(base, tuned, identity),
  };
}

/** Of a whole model with other weights nobody knows a small update. */
function findUpdate(base: BaseModel, tuned: TunedModel | null, identity: string): SubjectModel['readUpdate'] {
  const nothing: WeightUpdate = new Map();
  if (identity === base.identity) return () => Promise.resolve(nothing);
  const { sizeWork } = base;
  if (tuned?.kind !== 'adapter' || sizeWork === null) return null;
  return async () => {
    const { config } = await sizeWork({ trainings: [], questions: [], adapted: true });
    return updateOfAdapter(await readAdapter(tuned.folder, config));
  };
}
