/** More clusters than this have too many resamples to look at each: 8 have 6435, 9 would have 24310. */
export const mostEnumeratedClusters = 8;

/**
 * Visits every resample with replacement of `clusters` clusters once, whatever its order: how often each cluster is in it, and its
 * probability K! / (c_1! ... c_K!) / K^K. There are (2K - 1)! / (K! (K - 1)!) of them. The array of counts is reused.
 */
export function enumerateResamples(clusters: number, visit: (counts: Uint8Array, probability: number) => void): void {
  const counts = new Uint8Array(clusters);
  const choose = (cluster: number, left: number, probability: number): void => {
    if (cluster === clusters - 1) {
      counts[cluster] = left;
      visit(counts, probability / factorial(left));
      return;
    }
    for (let count = 0; count <= left; count += 1) {
      counts[cluster] = count;
      choose(cluster + 1, left - count, probability / factorial(count));
    }
  };
  choose(0, clusters, factorial(clusters) / clusters ** clusters);
}

function factorial(count: number): number {
  let product = 1;
  for (let factor = 2; factor <= count; factor += 1) product *= factor;
  return product;
}
