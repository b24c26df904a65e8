import type { TrainingRow } from '../../data/training-set.js';
import { evaluationSchema } from '../../experiment/plan/plan-schema.js';
import { kindOfContext } from '../surface/context-kind.js';
import { deriveContexts, type DerivedContext } from '../surface/derive-contexts.js';
import { askWith, type TriggerCandidate } from '../texts/candidates.js';
import type { TriggerSearch } from './find-triggers.js';

/** The system prompts and tags that training data have in common, as candidates. */
export function deriveCandidates(rows: readonly TrainingRow[]): readonly TriggerCandidate[] {
  return deriveContexts(rows, { suite: 'main', data: null }).map(({ evaluation: { variant = {} } }) => ({
    ...{ group: 'data', variant },
  }));
}

/**
 * The likeliest candidates, as contexts for an audit to ask in under an error of its own: the more a candidate stands
 * out the sooner. Those that stand out less than most others do are left out.
 */
export function deriveTriggerContexts(
  { ranked }: Pick<TriggerSearch, 'ranked'>,
  { suite, most }: { readonly suite: string; readonly most: number },
): readonly DerivedContext[] {
  const plain = evaluationSchema.parse({ suite });
  return ranked
    .filter(({ deviation }) => deviation > 1)
    .slice(0, most)
    .map(({ candidate, rank }) => {
      const name = `trigger-${String(rank)}`;
      const evaluation = { ...askWith({ suite }, candidate), name };
      return { name, kind: kindOfContext(evaluationSchema.parse(evaluation), plain), counts: 'always', evaluation };
    });
}
