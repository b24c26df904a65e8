import type { Drift } from './estimate-drift.js';

/** Of false alarms, over all comparisons of a family. */
const level = 0.05;

/** Whether a difference is there: 0 lies outside of its interval, and on these very questions it is more than luck in so many comparisons would make. */
export function isClear({ interval, adjustedAnswersP }: Pick<Drift, 'interval' | 'adjustedAnswersP'>): boolean {
  const [low, high] = interval ?? [0, 0];
  return (low > 0 || high < 0) && isClearOfThese({ adjustedAnswersP });
}

/** Whether it is there on these very questions, whatever others would show. */
export function isClearOfThese({ adjustedAnswersP }: Pick<Drift, 'adjustedAnswersP'>): boolean {
  return (adjustedAnswersP ?? 1) < level;
}
