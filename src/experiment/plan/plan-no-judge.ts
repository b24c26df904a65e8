import { DriftlineError } from '../../foundation/driftline-error.js';
import { openJudge } from '../../models/services/retirements.js';
import { freeJudge, type PlannedJudge } from './planned-judge.js';

/** Nobody who judges: for plans whose questions are all read by the first token of their answers. */
export function planNoJudge(): PlannedJudge {
  const name = 'none';
  const nothingToJudge = (): never => {
    throw new Error('an answer was to be judged in a plan without a judge');
  };
  return {
    ...freeJudge,
    name,
    shortName: name,
    description: { name },
    remarkOnQuestions: (evaluations, source) => {
      const judged = evaluations.find(({ questions }) => questions.length > 0);
      if (judged === undefined) return [];
      const [question] = judged.questions;
      throw new DriftlineError({
        code: 'configuration-invalid',
        message: `${source}: evaluation ${judged.name}: the question "${question?.question ?? ''}" needs a judge, and the plan has none`,
        hint: `Name one, such as judge: { model: ${openJudge} }; only next_token and rating need none.`,
      });
    },
    open: () => Promise.resolve({ name, judge: () => Promise.resolve().then(nothingToJudge) }),
  };
}
