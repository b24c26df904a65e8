import { DriftlineError } from '../../foundation/driftline-error.js';
import type { BaseModel } from '../../models/base-model.js';
import { divideModel, nameWrittenModel, type WrittenModel } from '../../models/model-reference.js';

/** The base that a model is held against: the one that is given, or that its adapter is on. */
export function findBase(model: WrittenModel, given: WrittenModel | undefined): WrittenModel {
  if (given !== undefined) return given;
  const { base, adapter } = divideModel(model);
  if (adapter !== null) return { base };
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `nothing says what ${nameWrittenModel(model)} was made of, and an audit holds a model against its base`,
    hint: 'Name the base: --base MODEL, in the library `base`. A model that is written BASE+ADAPTER has one.',
  });
}

/** Whether both are one model, byte for byte: a plan refuses such a pair, and nothing need be asked. */
export function isSameModel(base: Pick<BaseModel, 'identity'>, model: Pick<BaseModel, 'identity'>): boolean {
  return base.identity === model.identity;
}
