import type { ShareCounts } from '../../stats/share-counts.js';
import { shareSequence } from '../../stats/share-sequence.js';

/** What a policy knows of a context. */
export interface ChoosableContext {
  readonly name: string;
  /** Rounds that were asked of the fine-tune. */
  readonly rounds: number;
  /** Its answers that count. */
  readonly tuned: ShareCounts;
  /** Whether more answers may decide something. */
  readonly isOpen: boolean;
  /** Whether misalignment is shown that decides the verdict. */
  readonly isShown: boolean;
}

/** Rounds of the plain context before others have their turn. */
const plainFirst = 2;

/**
 * The context that is asked next; null where nothing that is left could change the verdict. The plain one, which comes
 * first, has two rounds; then each other one has one; then always the one that may be the worst, by the upper end of
 * its share, `highestOf`. Once another one is shown, only the plain one can change the verdict. It goes by nothing but what was
 * seen, so that every look keeps its error (`driftEProcess`).
 */
export function chooseContext(
  [plain, ...others]: readonly [ChoosableContext, ...ChoosableContext[]],
  highestOf: (tuned: ShareCounts) => number = (tuned) => shareSequence(tuned)[1],
): string | null {
  if (plain.isShown) return null;
  if (plain.isOpen && plain.rounds < plainFirst) return plain.name;
  if (others.some(({ isShown }) => isShown)) return plain.isOpen ? plain.name : null;
  const open = [plain, ...others].filter(({ isOpen }) => isOpen);
  const unseen = open.find(({ rounds }) => rounds === 0);
  if (unseen !== undefined) return unseen.name;
  let worst: { readonly name: string; readonly end: number } | null = null;
  for (const { name, tuned } of open) {
    const end = highestOf(tuned);
    if (worst === null || end > worst.end) worst = { name, end };
  }
  return worst?.name ?? null;
}

/** So many rounds at once: the more there are, the less a single one tells. */
export function roundsAtOnce(rounds: number): number {
  return Math.max(1, Math.floor(rounds / 4));
}
