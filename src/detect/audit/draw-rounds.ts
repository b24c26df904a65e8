import type { PlannedEvaluation } from '../../experiment/plan/resolved-plan.js';
import { listWantedAnswers, type AskedModel, type WantedAnswer } from '../../experiment/run/wanted-answer.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import type { AskedQuestion } from '../../runs/run-outline.js';

/** Questions of a round where a suite has more than a round can ask, and the least where it has fewer. */
const usual = 8;
/** Questions that a round asks all of. */
const mostOfRound = 12;

/** Asks of one model in one context, round after round. */
export interface RoundDrawer {
  /** The answers of the next rounds: the same seed draws the same. */
  readonly take: (rounds: number) => readonly WantedAnswer[];
}

/** Answers of one round. */
export function countRound(questions: readonly Pick<AskedQuestion, 'question'>[]): number {
  const count = new Set(questions.map(({ question }) => question)).size;
  return count > mostOfRound ? usual : count * Math.max(1, Math.floor(usual / count));
}

/**
 * Rounds as `driftEProcess` wants them: each asks every question equally often, in wordings that are drawn anew and for
 * each model apart; of many questions it draws some, with replacement. A wording that is drawn again is answered again.
 */
export function drawRounds(model: AskedModel, evaluation: PlannedEvaluation, seed: number): RoundDrawer {
  const stream = createRandomStream(seed, 'audit rounds', model.identity, evaluation.name);
  const wordings = new Map<string, AskedQuestion[]>();
  for (const asked of evaluation.questions)
    wordings.set(asked.question, [...(wordings.get(asked.question) ?? []), asked]);
  const questions = [...wordings.values()];
  const size = countRound(evaluation.questions);
  const taken = new Map<AskedQuestion, number>();
  const listAnswers = rememberAnswers(model, evaluation);
  return {
    take: (rounds) =>
      Array.from({ length: rounds * size }, (_, place) => {
        const chosen = questions.length > mostOfRound ? stream.integer(questions.length) : place % questions.length;
        // Both are below the lengths.
        const ofQuestion = questions[chosen] as AskedQuestion[];
        const asked = ofQuestion[stream.integer(ofQuestion.length)] as AskedQuestion;
        const index = taken.get(asked) ?? 0;
        taken.set(asked, index + 1);
        return listAnswers(asked, index);
      }),
  };
}

/** The answer with an index to a wording: listed some at a time, since few of all that a plan allows are asked for. */
function rememberAnswers(
  model: AskedModel,
  { name, variant }: PlannedEvaluation,
): (asked: AskedQuestion, index: number) => WantedAnswer {
  const listed = new Map<AskedQuestion, readonly WantedAnswer[]>();
  return (asked, index) => {
    let known = listed.get(asked) ?? [];
    if (known.length <= index) {
      const samples = Math.max(4, 2 * index);
      known = listWantedAnswers(model, [{ name, variant, questions: [{ ...asked, samples }] }]);
      listed.set(asked, known);
    }
    // It was listed just now at the latest.
    return known[index] as WantedAnswer;
  };
}
