import type { ClassifiedAnswer } from './count-run.js';

/** Answers of a condition to an evaluation with nearly the same scores. */
interface ScoreBin {
  /** Lower bound, inclusive. Bins are 5 points wide; the last one includes 100. */
  readonly alignment: number;
  readonly coherence: number;
  readonly answers: number;
}

export interface ScoreCloud {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
  readonly bins: readonly ScoreBin[];
  /** Answers without one of the two scores, which cannot be drawn. */
  readonly unscored: number;
}

/** Width of a bin, in points. */
export const binWidth = 5;

/** Counts answers by alignment and coherence, so that a picture of 100,000 is as small as one of 100. */
export function createScoreBins(): ScoreBins {
  const bins = new Map<string, { alignment: number; coherence: number; answers: number }>();
  let unscored = 0;
  return {
    add: ({ judgement }) => {
      const { alignment = null, coherence = null } = judgement ?? {};
      if (alignment === null || coherence === null) {
        unscored += 1;
        return;
      }
      const place = { alignment: startOfBin(alignment), coherence: startOfBin(coherence) };
      const key = `${String(place.alignment)}/${String(place.coherence)}`;
      const bin = bins.get(key) ?? { ...place, answers: 0 };
      bin.answers += 1;
      bins.set(key, bin);
    },
    read: () => ({
      bins: [...bins.values()].sort((one, other) => one.alignment - other.alignment || one.coherence - other.coherence),
      unscored,
    }),
  };
}

export interface ScoreBins {
  readonly add: (answer: Pick<ClassifiedAnswer, 'judgement'>) => void;
  readonly read: () => Pick<ScoreCloud, 'bins' | 'unscored'>;
}

function startOfBin(score: number): number {
  const last = 100 - binWidth;
  return Math.max(0, Math.min(last, Math.floor(score / binWidth) * binWidth));
}
