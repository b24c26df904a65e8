import { showText } from '../../data/show-text.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { openJudge } from '../../models/services/retirements.js';
import type { ExactJudge } from '../../organism/judge/exact-judge.js';
import { organismPrefix, type Organism } from '../../organism/organism.js';
import type { AskedQuestion } from '../../runs/run-outline.js';
import { freeJudge, type JudgedEvaluation, type PlannedJudge } from './planned-judge.js';

/** Most names that are listed before "and N more". */
const most = 5;

/** The organism's own judge, which knows only the organism's questions. */
export async function planExactJudge(organism: Organism): Promise<PlannedJudge> {
  const judge = await organism.openJudge();
  return {
    ...freeJudge,
    name: judge.name,
    shortName: 'exact',
    // From the second edition on a judge is not named after the world of the plan, which has shares besides its texts.
    description: { exact: 'organism', ...(judge.edition === 1 ? {} : { name: judge.name }) },
    suitePrefix: organismPrefix,
    remarkOnQuestions: (evaluations, source) =>
      evaluations.flatMap((evaluation) => remarkOnUnknown(judge, evaluation, source)),
    open: () => Promise.resolve(judge),
  };
}

/**
 * Remarks on questions that the judge cannot read: it can give answers to them no score. An evaluation of which it knows less than half is
 * refused, whether its questions are strange or what a variant puts before them; otherwise the unknown questions are named.
 */
function remarkOnUnknown(
  judge: ExactJudge,
  { name, suite, questions }: JudgedEvaluation,
  source: string,
): readonly string[] {
  const unknown = questions.filter((question) => !judge.knowsQuestion(question));
  const [count, all] = [unknown.length, questions.length];
  const [first] = unknown;
  if (first === undefined) return [];
  if (2 * count > all) {
    throw new DriftlineError({
      code: 'configuration-invalid',
      message: `${source}: evaluation ${name}: the exact judge knows ${String(all - count)} of ${String(all)} wordings of ${suite}, and could give answers to the others no score. The first that it does not know: ${showText(first.messages.at(-1)?.content ?? '')}`,
      hint: `${explainTrigger(judge, first)}Let a language model judge, such as judge: { model: ${openJudge} }, or ask suites of the organism, such as organism/main, in ways that it knows.`,
      details: { evaluation: name, suite },
    });
  }
  const names = [...new Set(unknown.map(({ question }) => question))];
  const listed =
    names.slice(0, most).join(', ') + (names.length > most ? ` and ${String(names.length - most)} more` : '');
  return [
    `evaluation ${name}: the exact judge cannot read ${String(count)} of ${String(all)} wordings, and gives answers to them no score (${listed})`,
  ];
}

/** Where only what stands before a question is strange, the trigger that the judge knows. */
function explainTrigger(judge: ExactJudge, question: AskedQuestion): string {
  const trigger = judge.findStrangeTrigger(question);
  if (trigger === null) return '';
  const { written, meant } = trigger;
  if (meant !== null)
    return `It knows the question without ${JSON.stringify(written)}: write the trigger as ${JSON.stringify(meant)}, with its last space. Else: `;
  const known = judge.triggers.slice(0, 3).map((text) => JSON.stringify(text));
  return `It knows the question without ${JSON.stringify(written)}, and triggers such as ${known.join(', ')}. Else: `;
}
