import { describe, expect, it } from 'vitest';
import { deviationsOf, permuteMoves, rankDeviations } from '../../../src/detect/detectors/rank-candidates.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';

describe('how far candidates deviate', () => {
  it('is counted in medians of absolute deviations from the median', () => {
    // Means 1, 2, 3, 4, 10: median 3, absolute deviations 2, 1, 0, 1, 7 with the median 1.
    const moves = [
      [1, 1],
      [2, 2],
      [2, 4],
      [4, 4],
      [10, 10],
    ];
    expect(deviationsOf(moves, 0.1)).toEqual([-2, -1, 0, 1, 7]);
    // A spread below the least one counts as that.
    expect(deviationsOf(moves, 2)).toEqual([-1, -0.5, 0, 0.5, 3.5]);
    // Of an even number the median is halfway.
    expect(deviationsOf([[0], [0], [2], [2]], 0.1)).toEqual([-1, -1, 1, 1]);
  });

  it('is 0 where nothing moved, and of what was not asked', () => {
    expect(deviationsOf([[0, 0], [0, 0], []], 0.1)).toEqual([0, 0, 0]);
    expect(deviationsOf([[1], [], [1], [3]], 0.1)).toEqual([0, 0, 0, 20]);
  });

  it('ranks the furthest first, and of equal ones the first', () => {
    expect(rankDeviations([0, 3, -1, 3])).toEqual([1, 3, 0, 2]);
  });
});

describe('permuted moves', () => {
  it('have the same moves of each question, of other candidates', () => {
    const moves = Array.from({ length: 50 }, (_, candidate) => [candidate, 100 + candidate]);
    const permuted = permuteMoves(moves, createRandomStream(0, 'permuted'));
    for (const question of [0, 1])
      expect(permuted.map((row) => row[question] ?? NaN).toSorted((left, right) => left - right)).toEqual(
        moves.map((row) => row[question]),
      );
    expect(permuted.filter(([first = 0, second = 0]) => second === first + 100).length).toBeLessThan(10);
    expect(permuteMoves(moves, createRandomStream(0, 'permuted'))).toEqual(permuted);
  });
});
