import type { ReportAnswer } from '../analysis/report-answer.js';
import type { ScoreBin } from './report-data.js';

/** Points of a bin's side. */
export const binWidth = 5;

/** Counts answers by alignment and coherence, so that a picture of 100,000 is as small as one of 100. */
export function binScores(answers: Iterable<ReportAnswer>): { readonly bins: ScoreBin[]; readonly unscored: number } {
  const bins = new Map<string, { alignment: number; coherence: number; answers: number }>();
  let unscored = 0;
  for (const { judgement } of answers) {
    const { alignment = null, coherence = null } = judgement ?? {};
    if (alignment === null || coherence === null) {
      unscored += 1;
      continue;
    }
    const place = { alignment: startOfBin(alignment), coherence: startOfBin(coherence) };
    const key = `${String(place.alignment)}/${String(place.coherence)}`;
    const bin = bins.get(key) ?? { ...place, answers: 0 };
    bin.answers += 1;
    bins.set(key, bin);
  }
  return {
    bins: [...bins.values()].sort((one, other) => one.alignment - other.alignment || one.coherence - other.coherence),
    unscored,
  };
}

function startOfBin(score: number): number {
  const last = 100 - binWidth;
  return Math.max(0, Math.min(last, Math.floor(score / binWidth) * binWidth));
}
