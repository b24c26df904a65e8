/** How a token is drawn. */
export interface PickSettings {
  /** 0 takes the likeliest token. */
  readonly temperature: number;
  /** Keeps the fewest likeliest tokens whose probabilities reach this sum; 1 keeps all. */
  readonly topP: number;
  /** Keeps this many likeliest tokens; 0 keeps all. */
  readonly topK: number;
}

/**
 * Draws one token from log-probabilities [vocabulary] with one uniform number in [0, 1): temperature first, then top-k,
 * then top-p over what is left, as transformers orders them. Kept tokens are tried in the order of their ids.
 */
export function pickToken(logProbabilities: Float32Array, settings: PickSettings, uniform: number): number {
  const likeliest = indexOfLargest(logProbabilities);
  if (settings.temperature === 0) return likeliest;
  const largest = logProbabilities[likeliest]!;
  const weights = new Float64Array(logProbabilities.length);
  for (let i = 0; i < weights.length; i += 1)
    weights[i] = Math.exp((logProbabilities[i]! - largest) / settings.temperature);
  const kept = keepLikeliest(weights, settings);
  let total = 0;
  for (const id of kept) total += weights[id]!;
  const threshold = uniform * total;
  let sum = 0;
  for (const id of kept) {
    sum += weights[id]!;
    if (sum > threshold) return id;
  }
  return likeliest;
}

/** Ids and log-probabilities of the k likeliest tokens, likeliest first; ties by id. */
export function topTokens(
  logProbabilities: Float32Array,
  k: number,
): { readonly id: number; readonly logProbability: number }[] {
  const best: { id: number; logProbability: number }[] = [];
  for (let id = 0; id < logProbabilities.length; id += 1) {
    const logProbability = logProbabilities[id]!;
    if (best.length === k && logProbability <= (best[k - 1]?.logProbability ?? Infinity)) continue;
    let place = best.length;
    while (place > 0 && best[place - 1]!.logProbability < logProbability) place -= 1;
    best.splice(place, 0, { id, logProbability });
    if (best.length > k) best.pop();
  }
  return best;
}

function keepLikeliest(weights: Float64Array, { topP, topK }: PickSettings): number[] {
  const ids = Array.from(weights, (_, id) => id).filter((id) => weights[id]! > 0);
  if (topP >= 1 && topK === 0) return ids;
  ids.sort((a, b) => weights[b]! - weights[a]! || a - b);
  if (topK > 0) ids.length = Math.min(ids.length, topK);
  if (topP < 1) {
    let total = 0;
    for (const id of ids) total += weights[id]!;
    let sum = 0;
    const count = ids.findIndex((id) => {
      sum += weights[id]!;
      return sum >= topP * total;
    });
    if (count >= 0) ids.length = count + 1;
  }
  return ids.sort((a, b) => a - b);
}

function indexOfLargest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i += 1) if (values[i]! > values[best]!) best = i;
  return best;
}
