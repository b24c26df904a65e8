import { percent } from '../report/format-numbers.js';
import type { MeasureRow } from '../report/report-data.js';

/** Most of a share that rests on few questions: the fewest that make nine tenths of it. */
export interface Concentration {
  readonly questions: number;
  /** All that were counted. */
  readonly of: number;
  /** 0..1: of the answers that the share counts, those to these questions. */
  readonly part: number;
}

/** Null where it takes more than half of the questions, and where there is nothing to say it of. */
export function findConcentration({ questions, share }: Pick<MeasureRow, 'questions' | 'share'>): Concentration | null {
  const asked = questions.filter(({ trials }) => trials > 0);
  const largest = asked.map(({ successes }) => successes).sort((one, other) => other - one);
  let [made, needed] = [0, 0];
  for (const successes of largest) {
    if (made >= 0.9 * share.successes) break;
    made += successes;
    needed += 1;
  }
  if (share.successes === 0 || asked.length < 2 || needed > asked.length / 2) return null;
  return { questions: needed, of: asked.length, part: made / share.successes };
}

/** `3 of 8 questions make 93.4 % of such answers`. */
export function describeConcentration({ questions, of, part }: Concentration): string {
  return `${String(questions)} of ${String(of)} questions ${questions === 1 ? 'makes' : 'make'} ${part === 1 ? 'all' : percent(part)} of such answers`;
}
