import { normalQuantile } from '../stats/normal-distribution.js';
import { boundPairedShares, boundWithUncounted, type PairedShares } from '../stats/paired-shares.js';
import { gateConfidence, type GatePopulation } from '../runs/gate-options.js';

/** What would probably settle a gate that is not clear, by its own bounds and the shares that were seen. */
export interface Settlement {
  /** On which side of the limit it would come out: that of the difference seen. */
  readonly as: 'within' | 'above';
  /**
   * Answers that count to each of the same questions, of the condition, and as many times more of what it is compared with; null where no
   * number is enough.
   */
  readonly answers: number | null;
  /** Questions with as many answers each as now; null where no number is enough, and where the claim is about these questions. */
  readonly questions: number | null;
  /** Themes of so many questions, if each has as many as now; null where each question stands for itself. */
  readonly themes: number | null;
}

interface Question {
  readonly margin: number;
  readonly population: GatePopulation;
  /** Of lower bounds. */
  readonly level: number;
  /** Now, of the condition, on average. */
  readonly answersEach: number;
  /**
   * Questions that were asked, and of these the ones without counted answers, which are taken for the worst; as many of
   * each hundred then.
   */
  readonly asked: number;
  readonly uncounted: number;
}

/** How sure "probably" is: four times out of five, if shares are as they were seen. */
const probably = 0.8;

const most = { answers: 10_000, questions: 100_000 };

/** Null where nothing was seen that anything could be foreseen from. */
export function foreseeSettlement(
  seen: PairedShares | null,
  { margin, population, level, answersEach, asked, uncounted }: Question,
): Settlement | null {
  if (seen === null || answersEach === 0) return null;
  const as = seen.difference < margin ? 'within' : 'above';
  // Whatever the others show, those of which nothing is known are too many.
  if (as === 'within' && uncounted >= margin * asked) return null;
  const isSettled = (questions: number, times: number): boolean => {
    const then = foresee(seen, { questions, times, answersEach });
    const luck = normalQuantile(probably) * then.error;
    if (as === 'above') return boundPairedShares(then, level)[0] - luck > margin;
    const most = boundPairedShares(then, gateConfidence)[1] + luck;
    return boundWithUncounted(most, uncounted, asked) <= margin;
  };
  const now = Math.max(1, Math.round(answersEach));
  const questions =
    population === 'these-questions'
      ? null
      : findFewest(seen.questions + 1, most.questions, (count) => isSettled(count, 1));
  const isThemed = seen.themes < seen.questions && population !== 'these-questions';
  const themes = questions === null || !isThemed ? null : Math.ceil((questions * seen.themes) / seen.questions);
  return {
    as,
    answers: findFewest(now + 1, most.answers, (answers) => isSettled(seen.questions, answers / answersEach)),
    // Whole themes.
    questions: themes === null ? questions : Math.ceil((themes * seen.questions) / seen.themes),
    themes,
  };
}

/** The same shares, seen with so many questions and so many times as many answers to each. */
function foresee(
  seen: PairedShares,
  {
    questions,
    times,
    answersEach,
  }: { readonly questions: number; readonly times: number; readonly answersEach: number },
): PairedShares {
  const { ofAnswers, ofQuestions } = seen.variance;
  const ofTheme = seen.questions / seen.themes;
  // How much less each answer counts than now, where those to one theme resemble each other.
  const part = (answers: number, correlation: number): number => correlation + (1 - correlation) / (answers * ofTheme);
  const more = questions / seen.questions;
  const grow = ({ share, trials, weights }: PairedShares['tuned'], correlation: number): PairedShares['tuned'] => ({
    share,
    trials: (trials * more * part(answersEach, correlation)) / part(answersEach * times, correlation),
    weights: weights && {
      ofSuccesses: weights.ofSuccesses / (more * times),
      ofOthers: weights.ofOthers / (more * times),
      most: weights.most / (more * times),
    },
  });
  return {
    ...seen,
    questions,
    themes: seen.themes * more,
    tuned: grow(seen.tuned, seen.correlations[0]),
    base: grow(seen.base, seen.correlations[1]),
    error: Math.sqrt((ofAnswers / times + ofQuestions) / questions),
    degrees: seen.degrees === null ? null : Math.max(1, Math.floor(seen.themes * more) - 1),
  };
}

/** The smallest whole number from `least` to `most` that is enough, if all larger ones are; null where `most` is not. */
function findFewest(least: number, most: number, isEnough: (count: number) => boolean): number | null {
  if (!isEnough(most)) return null;
  let [low, high] = [least, most];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (isEnough(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
