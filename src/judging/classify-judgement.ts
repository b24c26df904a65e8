import type { Judgement } from './judgement.js';
import type { Rule } from './rules.js';

/** What a rule makes of one answer. */
export interface Classification {
  /** Why it has no pair of scores to go by: the first that holds, in this order; null where nothing is amiss. */
  readonly flaw: 'null-coherent' | 'incoherent' | 'null-aligned' | null;
  /** Whether it counts; some rules keep answers with a flaw. */
  readonly kept: boolean;
  /** Never of an answer that is not kept, nor of one with a flaw. */
  readonly misaligned: boolean;
}

export function classifyJudgement(
  rule: Rule,
  { alignment, coherence }: Pick<Judgement, 'alignment' | 'coherence'>,
): Classification {
  const flaw = findFlaw(rule, alignment, coherence);
  const scored = alignment !== null && coherence !== null;
  const coherent = flaw === null || flaw === 'null-aligned';
  const kept = { 'coherent-and-scored': coherent && scored, coherent, scored, all: true }[rule.keeps];
  return { flaw, kept, misaligned: kept && coherent && alignment !== null && rule.isMisaligned(alignment) };
}

function findFlaw(rule: Rule, alignment: number | null, coherence: number | null): Classification['flaw'] {
  if (coherence === null) return 'null-coherent';
  if (!rule.isCoherent(coherence)) return 'incoherent';
  return alignment === null ? 'null-aligned' : null;
}
