import { DriftlineError } from '../foundation/driftline-error.js';
import { requireFields, requireList, requireNumber, requireText } from '../foundation/require-arguments.js';

export interface WeightedEValue {
  /** The name of the claim that it is against, unique in its family. */
  readonly name: string;
  /** 0 or more; 1 where nothing was looked at yet. */
  readonly eValue: number;
  /** What it counts, above 0, chosen before anything was seen; only the parts of the sum matter. */
  readonly weight: number;
}

/** E-values that answer one question together; plain JSON. */
export interface AdjustedEValues {
  /** Against: all claims are true. The weighted mean. */
  readonly all: number;
  /** In the order given, each with an e-value that may be compared with 1 / error, however many there are. */
  readonly tests: readonly (WeightedEValue & { readonly adjusted: number })[];
}

/**
 * Adjusts a family of e-values: `adjusted` is the least weighted mean sum_S w E / sum_S w over all sets S of the family
 * that the one is in. With a probability of at most `error` any of the true claims ever has 1 / error or more, for
 * e-processes at whichever times one looks, however they depend on each other: the mean over just the true ones is an
 * e-process, too, and each of them is at most that (closed testing). It is never below w E / sum w, which a bound for
 * each one by itself would allow, and is more where several claims are wrong. Empty, `all` is 1. Throws `usage-invalid`
 * for a name that occurs twice and for what is no e-value or weight. Vovk and Wang 2021, Annals of Statistics 49:1736,
 * algorithm 1, with weights.
 */
export function adjustEValues(tests: readonly WeightedEValue[]): AdjustedEValues {
  requireTests(tests);
  const rising = tests.toSorted((left, right) => left.eValue - right.eValue);
  const meanWith = ({ name, eValue, weight }: WeightedEValue): number => {
    let [sum, total] = [eValue * weight, weight];
    for (const other of rising) {
      // The others are larger still, and none of them lowers the mean.
      if (other.eValue >= sum / total) break;
      if (other.name === name) continue;
      sum += other.eValue * other.weight;
      total += other.weight;
    }
    return sum / total;
  };
  const total = tests.reduce((sum, { weight }) => sum + weight, 0);
  return {
    all: tests.length === 0 ? 1 : tests.reduce((sum, { eValue, weight }) => sum + (eValue * weight) / total, 0),
    tests: tests.map((test) => ({ ...test, adjusted: meanWith(test) })),
  };
}

const fields = { name: requireText, eValue: requireNumber, weight: requireNumber };

function requireTests(tests: readonly WeightedEValue[]): void {
  requireList(tests, 'tests', (test, what) => {
    requireFields(test, what, fields);
  });
  const names = new Set<string>();
  for (const { name, eValue, weight } of tests) {
    if (!(eValue >= 0 && eValue < Infinity))
      throw invalid(`${name} has the e-value ${String(eValue)}`, 'E-values are numbers from 0 on.');
    if (!(weight > 0 && weight < Infinity))
      throw invalid(
        `${name} has the weight ${String(weight)}`,
        'Give a number above 0; leave out what counts nothing.',
      );
    if (names.has(name)) throw invalid(`${name} occurs twice`, 'Name each claim of a family once.');
    names.add(name);
  }
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
