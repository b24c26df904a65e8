import type { BaseModel } from '../../models/base-model.js';
import type { TunedModel } from '../../models/trainer.js';
import { describeBase } from '../calibration/describe-base.js';

/**
 * What the user of a checkpoint should know and need not act on: an adapter that says that it was made for another base, or has a chat template of
 * its own; a whole model that reads conversations otherwise than the base.
 */
export async function remarkOnCheckpoint(base: BaseModel, tuned: TunedModel | BaseModel): Promise<string[]> {
  if ('kind' in tuned)
    return tuned.kind === 'adapter' ? [...((await base.inspectAdapter?.(tuned.folder))?.remarks ?? [])] : [];
  const [own, ofBase] = [await describeBase(tuned), await describeBase(base)];
  if (own.tokens === ofBase.tokens) return [...tuned.remarks];
  return [
    ...tuned.remarks,
    `${tuned.reference.text} makes other tokens of a conversation than ${base.reference.text}: part of what differs may be its tokenizer or its chat template`,
  ];
}
