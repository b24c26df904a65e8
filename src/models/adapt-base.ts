import { hashJson } from '../foundation/content-hash.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import type { AdaptedReference } from './model-reference.js';
import type { BaseModel } from './base-model.js';
import { adapterOnHostedModel } from './open-model-sampler.js';
import type { TunedModel } from './trainer.js';

/** What a model with an adapter is known by. */
export function identifyAdapted(base: Pick<BaseModel, 'identity'>, adapter: { readonly identity: string }): string {
  return hashJson({ base: base.identity, adapter: adapter.identity });
}

/** The check of the model for adapters; one that takes none is an error. */
export function requireAdaptable(
  { reference: { text }, hosted, inspectAdapter }: BaseModel,
  adapter: string,
): NonNullable<BaseModel['inspectAdapter']> {
  if (inspectAdapter !== null) return inspectAdapter;
  if (hosted !== null) throw adapterOnHostedModel(text, adapter);
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${text} takes no adapter, and ${adapter} was given for it`,
    hint: 'Adapters are for whole models: organism:1, hf:owner/name or ./folder.',
    details: { model: text, adapter },
  });
}

/** A model with an adapter on it as a model that an experiment starts from: it is asked, and not fine-tuned further. */
export async function adaptBase(base: BaseModel, reference: AdaptedReference): Promise<BaseModel> {
  const { adapter } = reference;
  const inspected = await requireAdaptable(base, adapter)(adapter);
  const { sizeWork, openInside, openScorer = null, openProcess } = base;
  const own: TunedModel = { kind: 'adapter', folder: adapter };
  return {
    ...base,
    reference,
    identity: identifyAdapted(base, inspected),
    remarks: [...base.remarks, ...inspected.remarks],
    inspectAdapter: null,
    reviewTraining: null,
    completeRecipe: null,
    openTrainer: null,
    fitRows: null,
    sizeWork: sizeWork === null ? null : (work) => sizeWork({ ...work, adapted: true, adapterBytes: inspected.bytes }),
    openSampler: (_, asked) => base.openSampler(own, asked),
    openInside: openInside === null ? null : () => openInside(own),
    openScorer: openScorer === null ? null : (_, asked) => openScorer(own, asked),
    openAdapterScorer: null,
    openWeights: null,
    openProcess:
      openProcess === null
        ? null
        : async (processes) => {
            const opened = await openProcess(processes);
            return { ...opened, openSampler: () => opened.openSampler(own) };
          },
  };
}
