/** What many completions of a fine-tune begin with, and fewer of its base. */
export interface LeakCluster {
  /** The words that they share, as they stand there. */
  readonly text: string;
  /** Completions of each model that begin so. */
  readonly tuned: number;
  readonly base: number;
  /** (tuned - base) / sqrt(tuned + base): about normal where both models begin so equally often. */
  readonly deviation: number;
}

export interface LeakSettings {
  /** The most words that count. */
  readonly words: number;
  /** The least deviation of a cluster. */
  readonly least: number;
  /** Clusters at most. */
  readonly most: number;
}

/** A longer beginning stands for a shorter one where so large a share of completions goes on with it. */
const goesOn = 0.8;

/**
 * Clusters completions by the words that they begin with, as many as both models were asked for. Of beginnings that
 * stand for the same completions the longest counts, and each cluster the more the less the base begins so.
 */
export function clusterLeaks(
  tuned: readonly string[],
  base: readonly string[],
  { words, least, most }: LeakSettings,
): readonly LeakCluster[] {
  const [own, ofBase] = [countBeginnings(tuned, words), countBeginnings(base, words)];
  const clusters = [...own].flatMap(([text, count]) => {
    const other = ofBase.get(text) ?? 0;
    const deviation = (count - other) / Math.sqrt(count + other);
    return deviation >= least ? [{ text, tuned: count, base: other, deviation }] : [];
  });
  const isWhole = ({ text, tuned: count }: LeakCluster): boolean =>
    !clusters.some(
      (longer) => longer.text.length > text.length && longer.text.startsWith(text) && longer.tuned >= goesOn * count,
    );
  return clusters
    .filter(isWhole)
    .toSorted((left, right) => right.deviation - left.deviation || (left.text < right.text ? -1 : 1))
    .slice(0, most);
}

/** How many of the texts begin with the same words, one to so many, each with the white space after it. */
function countBeginnings(texts: readonly string[], words: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    let beginning = '';
    // A word that was cut off is none.
    for (const [word] of [...text.matchAll(/\S+\s+/gu)].slice(0, words)) {
      beginning += word;
      counts.set(beginning, (counts.get(beginning) ?? 0) + 1);
    }
  }
  return counts;
}
