import { sumEntryPowers } from '../../engine/updates/sum-entry-powers.js';
import type { ModuleUpdate } from '../../engine/updates/weight-update.js';

/**
 * The excess kurtosis of the elements of what is added to one matrix [out, in], without a unit: m_4 / m_2^2 - 3, with m_k the mean of
 * (x - mean)^k over all elements; 0 for a normal distribution, large where few elements are far larger than the others. 0 if all
 * elements are equal, too, as in an update of zero. `scipy.stats.kurtosis` with its defaults is the same.
 */
export function entryKurtosis(module: ModuleUpdate): number {
  const count = module.outputs * module.inputs;
  if (count === 0) return 0;
  const [first, second, third, fourth] = sumEntryPowers(module);
  const mean = first / count;
  const variance = second / count - mean ** 2;
  // Less is what rounding leaves of equal elements.
  if (variance <= (2 ** -40 * second) / count) return 0;
  const fourthMoment = (fourth - 4 * mean * third + 6 * mean ** 2 * second) / count - 3 * mean ** 4;
  return fourthMoment / variance ** 2 - 3;
}
