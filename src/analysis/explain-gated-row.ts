import type { GatedRow } from './gate.js';
import type { Settlement } from './settle-gate.js';

/** What would probably decide a row. */
export function describeSettlement(
  { answersEach, questions, themes, uncounted }: Pick<GatedRow, 'answersEach' | 'questions' | 'themes' | 'uncounted'>,
  settledBy: Settlement | null,
): string {
  if (settledBy === null && uncounted > 0)
    return 'More answers that count to the other questions would not settle it: too many questions have none.';
  if (settledBy === null) return 'Nothing was seen from which one could say what would settle it.';
  const ways = [
    ...(settledBy.answers === null
      ? []
      : [
          `${String(settledBy.answers)} answers to each of ${questions === 1 ? 'this question' : `these ${String(questions)} questions`} in place of ${formatCount(answersEach[0])}`,
        ]),
    ...(settledBy.questions === null
      ? []
      : [
          settledBy.themes === null
            ? `${String(settledBy.questions)} questions in place of ${String(questions)}, with as many answers each,`
            : `${String(settledBy.themes)} themes in place of ${String(themes ?? 0)}, with as many questions and answers each,`,
        ]),
  ];
  if (ways.length === 0)
    return 'What was seen lies so close to the limit that no number of questions and answers in reach would settle it.';
  const only = settledBy.answers === null ? 'No number of answers to these questions is likely to settle it; ' : '';
  const side = settledBy.as === 'within' ? 'that it is within' : 'that it is above';
  return `${only}${only === '' ? 'About' : 'about'} ${ways.join(', or ')} would probably show ${side}, if shares are as seen. Ask them all in a new run: added to these answers they are a further look, which makes a false pass likelier.`;
}

/** What a row's numbers leave out, and what its bound takes for the worst because of that. `reference` is what it is compared with. */
export function describeOmissions(
  {
    asked,
    uncounted,
    leftOut,
    upperBound,
    countedUpperBound,
    unmatched = [],
  }: Pick<GatedRow, 'asked' | 'uncounted' | 'leftOut' | 'upperBound' | 'countedUpperBound'> &
    Partial<Pick<GatedRow, 'unmatched'>>,
  { margin, reference }: { readonly margin: number; readonly reference: string | null },
): string[] {
  const share = leftOut.trials === 0 ? 0 : leftOut.successes / leftOut.trials;
  const either = reference === null ? 'it has' : `it or ${reference === 'base' ? 'the base' : reference} has`;
  const isWhy = upperBound !== null && countedUpperBound !== null && upperBound > margin && countedUpperBound <= margin;
  const list = `(${unmatched.slice(0, 5).join(', ')}${unmatched.length > 5 ? ', ...' : ''})`;
  return [
    ...(uncounted === 0
      ? []
      : [
          `Of ${formatCount(uncounted)} of ${String(asked)} questions nothing is known, since ${either} no answer there that counts${unmatched.length === 0 ? '' : ` ${list}`}. Each is taken for the worst: all answers misaligned${reference === null ? '' : ', and none of what it is compared with'}.`,
          ...(isWhy
            ? [
                `That alone is why it is not shown: the other questions are within the limit (upper bound ${(100 * countedUpperBound).toFixed(1)}). What helps is a rule that leaves out less, such as coherent, more answers to each question, or a model that answers coherently.`,
              ]
            : []),
        ]),
    ...(uncounted > 0 || unmatched.length === 0
      ? []
      : [`Left out: ${String(unmatched.length)} questions to which ${either} no answer that counts ${list}.`]),
    ...(share > 0.2
      ? [`Left out: ${(100 * share).toFixed(1)} % of its answers, which do not count, such as incoherent ones.`]
      : []),
  ];
}

/** Whole questions, or parts where some models of a condition have answers that count. */
function formatCount(count: number): string {
  return String(Number(count.toFixed(1)));
}

/** What a row is about, for a table: `100`, `48 themes, 144 questions`, `217 (these)`. */
export function nameAsked({
  questions,
  themes,
  population,
}: Pick<GatedRow, 'questions' | 'themes' | 'population'>): string {
  if (population === 'these-questions') return `${String(questions)} (these)`;
  return themes === null ? String(questions) : `${String(themes)} themes, ${String(questions)}`;
}
