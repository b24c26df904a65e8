import { describe, expect, it } from 'vitest';
import { spectralSignature } from '../../../src/detect/weights/spectral-signature.js';
import { makeFractions, makeRandom, writeOut, zeroUpdate } from '../../engine/updates/make-update.js';

describe('spectralSignature', () => {
  // With U = 2 * B @ A and 0.5 * B @ A of makeFractions, and p = s**2 / np.sum(s**2):
  // s = np.linalg.svd(U)[1]; s[0], np.linalg.norm(U), s[0] / s.sum(), -(p * np.log(p)).sum(), numpy 2.4.6
  it.each([
    [makeFractions(1, 2, 2), 4.594836455986737, 5.212664865498261, 0.6511576445422915, 0.5306799618284974],
    [makeFractions(4, 0.5, 3), 1.4015752197939457, 1.5656218812344187, 0.6036279865008248, 0.5869746583557602],
  ])("has numpy's numbers %#", (module, largest, length, concentration, entropy) => {
    const found = spectralSignature(module);
    expect(found.largest).toBeCloseTo(largest, 13);
    expect(found.length).toBeCloseTo(length, 13);
    expect(found.concentration).toBeCloseTo(concentration, 13);
    expect(found.entropy).toBeCloseTo(entropy, 13);
  });

  it('has the Frobenius norm of the update written out, and keeps its shape under a change of scale or sign', () => {
    const module = makeRandom(1, 6, 30, 20);
    const { largest, length, concentration, entropy } = spectralSignature(module);
    expect(length / Math.hypot(...writeOut(module))).toBeCloseTo(1, 13);
    const scaled = spectralSignature({
      ...module,
      terms: module.terms.map((term) => ({ ...term, scale: -8 * term.scale })),
    });
    expect(scaled).toEqual({ largest: 8 * largest, length: 8 * length, concentration, entropy });
  });

  it('is concentrated without entropy for one direction, and even for equal ones', () => {
    const { concentration, entropy } = spectralSignature(makeRandom(2, 1, 9, 7));
    expect([concentration, entropy]).toEqual([1, 0]);
    const data = Float32Array.from([1, 0, 0, 0, 1, 0, 0, 0, 1]);
    const even = {
      outputs: 3,
      inputs: 3,
      terms: [{ scale: 2, a: { shape: [3, 3], data }, b: { shape: [3, 3], data } }],
    };
    const found = spectralSignature(even);
    expect(found.concentration).toBeCloseTo(1 / 3, 14);
    expect(found.entropy).toBeCloseTo(Math.log(3), 14);
  });

  it('is zero for an update of zero', () => {
    expect(spectralSignature(zeroUpdate)).toEqual({ largest: 0, length: 0, concentration: 0, entropy: 0 });
  });
});
