import type { RunEvent } from '../../experiment/run/run-progress.js';
import type { Pace } from '../store/zoo-manifest.js';

export const noPace: Pace = { steps: 0, stepSeconds: 0, answers: 0, answerSeconds: 0 };

/** Notes how long steps and answers take. Where several cells are under way, it is what each kind takes of the time of all. */
export function measurePace(
  before: Pace,
  clock: () => number,
): { readonly note: (event: RunEvent) => void; readonly pace: () => Pace } {
  const pace = { ...before };
  let last = clock();
  return {
    note: (event) => {
      const now = clock();
      const seconds = (now - last) / 1000;
      last = now;
      if (event.kind === 'training-step') {
        pace.steps += 1;
        pace.stepSeconds += seconds;
      } else if (event.kind === 'answers-stored') {
        pace.answers += event.stored;
        pace.answerSeconds += seconds;
      }
    },
    pace: () => ({ ...pace }),
  };
}
