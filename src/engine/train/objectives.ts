import { scoreAnswers, scoreDivergence } from '../autodiff/operators/score-answers.js';
import type { Objective } from './gradient-graph.js';

/** Mean cross entropy of the supervised tokens, in nats. */
export const answerObjective: Objective = ({ tape, tuned, scored, labels }) =>
  scoreAnswers(tape, tuned.hidden, tuned.head, labels, scored);

/** Mean KL(base || tuned) of the next-token distributions at the supervised tokens, in nats. */
export const divergenceObjective: Objective = ({ tape, tuned, reference, scored }) =>
  scoreDivergence(tape, tuned, reference(), scored);
