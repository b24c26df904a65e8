import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { adjustPValues, type PValueAdjustment } from '../../src/stats/adjust-p-values.js';
import { errorOf } from '../engine/checkpoint/error-of.js';

const methods: readonly PValueAdjustment[] = ['holm', 'benjamini-hochberg'];
const nameAll = (pValues: readonly number[]) =>
  pValues.map((pValue, index) => ({ name: `test ${String(index)}`, pValue }));
const adjust = (pValues: readonly number[], method: PValueAdjustment): readonly number[] =>
  adjustPValues('some tests', nameAll(pValues), method).tests.map(({ adjusted }) => adjusted);
const somePValues = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

describe('adjustPValues', () => {
  // statsmodels 0.15.0: multipletests(p, method='holm' or 'fdr_bh')[1]
  const withTies = [0.01, 0.04, 0.03, 0.005, 0.5, 0.04, 0.9];
  const four = [0.001, 0.02, 0.0004, 0.3];
  it.each<[PValueAdjustment, readonly number[], readonly number[]]>([
    ['holm', withTies, [0.06, 0.16, 0.15, 0.035, 1, 0.16, 1]],
    ['benjamini-hochberg', withTies, [0.035, 0.056, 0.056, 0.035, 0.5833333333333334, 0.056, 0.9]],
    ['holm', four, [0.003, 0.04, 0.0016, 0.3]],
    ['benjamini-hochberg', four, [0.002, 0.02666666666666667, 0.0016, 0.3]],
  ])('by %s is that of statsmodels', (method, pValues, expected) => {
    for (const [index, value] of adjust(pValues, method).entries()) expect(value).toBeCloseTo(expected[index]!, 15);
  });

  it('says what the family is, and keeps its order and names', () => {
    expect(
      adjustPValues('against base', [
        { name: 'insecure', pValue: 0.5 },
        { name: 'secure', pValue: 0.02 },
      ]),
    ).toEqual({
      family: 'against base',
      method: 'holm',
      tests: [
        { name: 'insecure', pValue: 0.5, adjusted: 0.5 },
        { name: 'secure', pValue: 0.02, adjusted: 0.04 },
      ],
    });
    expect(adjustPValues('nothing', []).tests).toEqual([]);
  });

  it('keeps p-values in their order and never lowers one; Holm is the stricter', () => {
    fc.assert(
      fc.property(somePValues, (pValues) => {
        const [holm, hochberg] = methods.map((method) => adjust(pValues, method));
        for (const [index, pValue] of pValues.entries()) {
          expect(holm![index]).toBeGreaterThanOrEqual(hochberg![index]!);
          expect(hochberg![index]).toBeGreaterThanOrEqual(pValue);
          expect(holm![index]).toBeLessThanOrEqual(1);
          for (const [other, second] of pValues.entries())
            if (pValue < second)
              for (const adjusted of [holm!, hochberg!]) expect(adjusted[index]!).toBeLessThanOrEqual(adjusted[other]!);
        }
      }),
    );
  });

  it('keeps the chance of any false alarm (Holm), and the share of false alarms (Benjamini-Hochberg), at 5 %', () => {
    const random = createRandomStream(0, 'adjust');
    const repeats = 4000;
    let anyFalse = 0;
    let falseShare = 0;
    let anyUnadjusted = 0;
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      // Eight true nulls, and two effects whose p-values are always tiny.
      const pValues = [...Array.from({ length: 8 }, () => random.uniform()), 1e-9, 1e-9];
      if (pValues.slice(0, 8).some((pValue) => pValue <= 0.05)) anyUnadjusted += 1;
      if (adjust(pValues, 'holm').some((value, index) => index < 8 && value <= 0.05)) anyFalse += 1;
      const alarms = adjust(pValues, 'benjamini-hochberg').flatMap((value, index) => (value <= 0.05 ? [index] : []));
      falseShare += alarms.filter((index) => index < 8).length / alarms.length;
    }
    // Three standard errors of a simulated 5 % are 1 %.
    expect(anyFalse / repeats).toBeLessThan(0.06);
    expect(anyFalse / repeats).toBeGreaterThan(0.035);
    expect(falseShare / repeats).toBeLessThan(0.05);
    expect(anyUnadjusted / repeats).toBeGreaterThan(0.3);
  });

  it.each([NaN, -0.1, 1.1])('refuses a p-value of %d', async (pValue) => {
    const error = await errorOf(() => adjustPValues('against base', [{ name: 'insecure', pValue }]));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain('against base: insecure');
  });

  it('refuses a test that stands there twice', async () => {
    const twice = nameAll([0.1, 0.2]).map((test) => ({ ...test, name: 'same' }));
    expect((await errorOf(() => adjustPValues('against base', twice))).message).toContain('same');
  });
});
