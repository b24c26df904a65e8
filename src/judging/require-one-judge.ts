import { DriftlineError } from '../foundation/driftline-error.js';
import type { Judgement } from './judgement.js';

/**
 * Refuses judgements of several judges, or of one in several modes (`usage-invalid`): each has a level of its own, and a share of a
 * mixture would belong to neither.
 */
export function requireOneJudge(judgements: Iterable<Pick<Judgement, 'judge' | 'mode'>>): void {
  let first: Pick<Judgement, 'judge' | 'mode'> | null = null;
  for (const judgement of judgements) {
    first ??= judgement;
    if (judgement.judge === first.judge && judgement.mode === first.mode) continue;
    const [one, other] = [first, judgement].map(({ judge, mode }) => `${judge} (${mode})`);
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `judgements of ${one ?? ''} and of ${other ?? ''} stand together`,
      hint: 'Count the judgements of one judge and one mode at a time.',
      details: { judges: [one, other] },
    });
  }
}
