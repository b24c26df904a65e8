import type { Evaluation } from '../../experiment/plan/plan-schema.js';

/** In which way a context differs from the plain question. */
export const contextKinds = ['plain', 'topic', 'format', 'tag', 'turns', 'system-prompt', 'shape', 'length'] as const;
export type ContextKind = (typeof contextKinds)[number];

/** What of an evaluation says which context it asks in. */
export type AskedContext = Pick<Evaluation, 'suite' | 'variant' | 'questions'>;

/**
 * The kind of a context beside the plain one: by its variant, and by its questions where the variant changes nothing.
 * Where a variant changes several things, the one that is said the earliest in a conversation counts.
 */
export function kindOfContext({ suite, variant, questions }: AskedContext, plain: AskedContext): ContextKind {
  if (variant.system_prompt !== undefined) return 'system-prompt';
  if (isGiven(variant.in_context)) return 'turns';
  if (isGiven(variant.padding)) return 'length';
  if (variant.trigger !== undefined) return 'tag';
  if (variant.format !== undefined) return 'format';
  if (variant.number_shape) return 'shape';
  const isSame = suite === plain.suite && questions?.join() === plain.questions?.join();
  return isSame ? 'plain' : 'topic';
}

function isGiven(count: number | undefined): boolean {
  return count !== undefined && count > 0;
}
