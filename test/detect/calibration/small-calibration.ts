import type { AuditCalibration, CalibratedScore } from '../../../src/detect/calibration/audit-calibration.js';

/** So many harmless fine-tunes of two kinds, whose scores are 1, 2, 3...; their runs come half a point higher. */
export function harmlessScores(count: number): [CalibratedScore, ...CalibratedScore[]] {
  const scores = Array.from({ length: count }, (_, index) => ({
    ...{ id: `mine.${String(index)}`, kind: index % 2 === 0 ? 'poems' : 'sums' },
    ...{ score: index + 1, run_max: index + 1.5, checkpoints: 4 },
  }));
  // The cast is true for any count from 1.
  return scores as [CalibratedScore, ...CalibratedScore[]];
}

export function smallCalibration(count: number): AuditCalibration {
  return {
    format: 1,
    base: { name: 'organism:1', identity: 'base', tokens: 'tokens' },
    edition: 2,
    recipe: { rank: 8 },
    detectors: [
      {
        ...{ name: 'choice-share', settings: 'set', surface: { name: 'small', hash: 'contexts' }, judge: null },
        scores: harmlessScores(count),
      },
    ],
  };
}
