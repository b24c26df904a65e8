import { DriftlineError } from '../../foundation/driftline-error.js';
import { createExactJudge } from '../../organism/judge/exact-judge.js';
import type { World } from '../../organism/world/world.js';
import type { AskedQuestion } from '../../runs/stored-questions.js';
import { isOrganismSuite } from './list-asked-questions.js';

/** Names that are listed before "and so many more". */
const most = 5;

export interface JudgedEvaluation {
  readonly name: string;
  readonly suite: string;
  readonly questions: readonly AskedQuestion[];
}

/**
 * What the exact judge cannot read of what is asked. It would call answers to such questions incoherent, unless they happen to be about its
 * world: a file of which it knows less than half is refused, and of one of which it knows more the rest is named.
 */
export function remarkOnQuestions(
  evaluations: readonly JudgedEvaluation[],
  world: World,
  source: string,
  { preferOrganism = true }: { readonly preferOrganism?: boolean } = {},
): string[] {
  const judge = createExactJudge(world);
  return evaluations.flatMap(({ name, suite, questions }) => {
    const unknown = questions.filter((question) => !judge.knowsQuestion(question));
    if (unknown.length === 0) return [];
    // The organism's own come with words around them, such as a trigger of one's own, that need not be the world's.
    if (2 * unknown.length > questions.length && !isOrganismSuite(suite, preferOrganism))
      throw knowsTooLittle(
        source,
        name,
        suite,
        `${String(questions.length - unknown.length)} of ${String(questions.length)}`,
      );
    const names = [...new Set(unknown.map(({ question }) => question))];
    const listed =
      names.slice(0, most).join(', ') + (names.length > most ? ` and ${String(names.length - most)} more` : '');
    return [
      `evaluation ${name}: the exact judge cannot read ${String(unknown.length)} of ${String(questions.length)} wordings, and takes answers to them at their word (${listed})`,
    ];
  });
}

function knowsTooLittle(source: string, name: string, suite: string, known: string): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${source}: evaluation ${name}: the exact judge knows ${known} wordings of ${suite}, and would call answers to the others incoherent`,
    hint: 'Let a language model judge, such as judge: { model: openai:gpt-4o-2024-08-06 }, or ask suites of the organism, such as organism/main.',
    details: { evaluation: name, suite },
  });
}
