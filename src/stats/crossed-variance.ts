import type { ModelCounts } from './share-counts.js';

/** How sure a share is over models and questions, if both are random draws. */
interface CrossedVariance {
  /** The variance of the share. */
  readonly variance: number;
  /** The degrees of freedom of the variance: between those of models and those of questions. */
  readonly degreesOfFreedom: number;
}

/**
 * The variance of the share p = k / n over Q questions that M models were asked, if questions and models are crossed
 * random draws:
 *   V = max(Vq, Vm, Vq + Vm - Vqm), Vq = Q / (Q - 1) sum_q E_q^2 / n^2, Vm = M / (M - 1) sum_m E_m^2 / n^2,
 *   Vqm = Q M / ((Q - 1) (M - 1)) sum r^2 / n^2,
 * with e = s - p t for a model's s successes in t trials at a question, E the sum of e over a question or a model, and
 * r the rest of e after its question's and its model's E are subtracted in proportion to its trials. Vq and Vm both
 * include the scatter of single cells, Vqm, which is subtracted so that it counts once; and V is at least what it is if
 * only questions or only models are random. With equally many answers in every cell, Q M V consists of the mean squares
 * of a two-way analysis of variance of the cells' shares.
 * Degrees of freedom are Satterthwaite's for what questions and models have beyond cells, Tq = max(0, Vq - Vqm) and Tm,
 *   V^2 / (Tq^2 / (Q - 1) + Tm^2 / (M - 1) + Vqm^2 / ((Q - 1) (M - 1))),
 * but at least the smaller of Q - 1 and M - 1, and at most the larger. Null for fewer than two models or questions with
 * answers. Scheffe 1959, "The Analysis of Variance", 7.4; Cameron, Gelbach and Miller 2011, Journal of Business and
 * Economic Statistics 29:238; Satterthwaite 1946, Biometrics Bulletin 2:110.
 */
export function crossedVariance(models: readonly ModelCounts[]): CrossedVariance | null {
  const cells = models.flatMap(({ name: model, questions }) =>
    questions
      .filter(({ trials }) => trials > 0)
      .map(({ name: question, successes, trials }) => ({ model, question, successes, trials })),
  );
  const n = cells.reduce((sum, { trials }) => sum + trials, 0);
  const k = cells.reduce((sum, { successes }) => sum + successes, 0);
  const [ofModels, ofQuestions] = [new Map<string, Margin>(), new Map<string, Margin>()];
  // In whole numbers, n times those of the formula, so that equal shares give 0 and not what rounding leaves.
  const rests = cells.map(({ model, question, successes, trials }) => {
    const rest = successes * n - trials * k;
    return {
      rest,
      trials,
      model: addTo(ofModels, model, rest, trials),
      question: addTo(ofQuestions, question, rest, trials),
    };
  });
  const [modelFreedom, questionFreedom] = [ofModels.size - 1, ofQuestions.size - 1];
  if (modelFreedom < 1 || questionFreedom < 1) return null;
  const spread = (squares: number, draws: number, freedom: number): number => ((draws / freedom) * squares) / n ** 4;
  const byQuestion = spread(sumOfSquares(ofQuestions), ofQuestions.size, questionFreedom);
  const byModel = spread(sumOfSquares(ofModels), ofModels.size, modelFreedom);
  const left = rests.reduce(
    (sum, { rest, trials, model, question }) =>
      sum + (rest - (model.rest * trials) / model.trials - (question.rest * trials) / question.trials) ** 2,
    0,
  );
  const byCell = spread(left, ofModels.size * ofQuestions.size, questionFreedom * modelFreedom);
  const variance = Math.max(byQuestion, byModel, byQuestion + byModel - byCell);
  const [beyondQuestion, beyondModel] = [Math.max(0, byQuestion - byCell), Math.max(0, byModel - byCell)];
  const squares =
    beyondQuestion ** 2 / questionFreedom +
    beyondModel ** 2 / modelFreedom +
    byCell ** 2 / (questionFreedom * modelFreedom);
  const [few, many] = [Math.min(questionFreedom, modelFreedom), Math.max(questionFreedom, modelFreedom)];
  // If all cells have the same share the variance is 0, and any degrees of freedom will do.
  const degreesOfFreedom = squares === 0 ? many : Math.min(many, Math.max(few, variance ** 2 / squares));
  return { variance, degreesOfFreedom };
}

interface Margin {
  rest: number;
  trials: number;
}

function addTo(margins: Map<string, Margin>, name: string, rest: number, trials: number): Margin {
  const margin = margins.get(name) ?? { rest: 0, trials: 0 };
  margin.rest += rest;
  margin.trials += trials;
  margins.set(name, margin);
  return margin;
}

function sumOfSquares(margins: ReadonlyMap<string, Margin>): number {
  let sum = 0;
  for (const { rest } of margins.values()) sum += rest ** 2;
  return sum;
}
