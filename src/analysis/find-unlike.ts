import { hashJson } from '../foundation/content-hash.js';
import type { AskedQuestion } from '../runs/run-outline.js';
import { formatQuestionKey } from '../runs/run-records.js';

/** How the answers of a run came about and are counted. */
export interface AskedRun {
  readonly analysis: { readonly judge: string; readonly rule: string };
  /** By `evaluation/id`; empty if they cannot be read. */
  readonly questions: ReadonlyMap<string, AskedQuestion>;
  /** With the hashes of their questions. */
  readonly evaluations: readonly { readonly name: string; readonly hash: string }[];
}

/** Why two numbers may differ although the models do not. */
export interface Unlikeness {
  readonly kind: 'judge' | 'rule' | 'questions-of-one' | 'wordings';
  /** A sentence's part about the two, such as `model 2 is judged by ...`. */
  readonly message: string;
  /** What to do about it. */
  readonly hint: string;
}

/** What differs, beside the models, between an evaluation of a run and that of another; how often each question is asked is no matter. */
export function findUnlike(
  [first, other]: readonly [AskedRun, AskedRun],
  [nameOfFirst, nameOfOther]: readonly [string, string],
  evaluation: string,
): Unlikeness[] {
  return [...findCountedUnlike([first, other], [nameOfFirst, nameOfOther]), ...findAskedUnlike()];

  function findAskedUnlike(): Unlikeness[] {
    const hint = 'Ask both the same, or leave the evaluation out with --evaluations.';
    const [ofFirst, ofOther] = [listAsked(first, evaluation), listAsked(other, evaluation)];
    if (ofFirst.size === 0 || ofOther.size === 0) {
      const [here, there] = [first, other].map(({ evaluations }) =>
        evaluations.find(({ name }) => name === evaluation),
      );
      if (here === undefined || there === undefined || here.hash === there.hash) return [];
      const message = `${evaluation} has other questions in ${nameOfOther} than in ${nameOfFirst}`;
      return [{ kind: 'wordings', message, hint }];
    }
    const alone = (
      one: ReadonlyMap<string, string>,
      others: ReadonlyMap<string, string>,
      name: string,
    ): Unlikeness[] => {
      const ids = [...one.keys()].filter((id) => !others.has(id));
      if (ids.length === 0) return [];
      const message = `of ${evaluation}, ${nameSome(ids)} ${ids.length === 1 ? 'is' : 'are'} asked in ${name} alone`;
      return [{ kind: 'questions-of-one', message, hint }];
    };
    const changed = [...ofFirst].filter(([id, hash]) => ofOther.has(id) && ofOther.get(id) !== hash).map(([id]) => id);
    return [
      ...alone(ofFirst, ofOther, nameOfFirst),
      ...alone(ofOther, ofFirst, nameOfOther),
      ...(changed.length === 0
        ? []
        : [
            {
              kind: 'wordings' as const,
              message: `of ${evaluation}, ${nameSome(changed)} ${changed.length === 1 ? 'is' : 'are'} worded or asked otherwise in ${nameOfOther} than in ${nameOfFirst}`,
              hint,
            },
          ]),
    ];
  }
}

/** What of that is the same for all evaluations: who judges, and what counts as misaligned. */
export function findCountedUnlike(
  [first, other]: readonly [Pick<AskedRun, 'analysis'>, Pick<AskedRun, 'analysis'>],
  [nameOfFirst, nameOfOther]: readonly [string, string],
): Unlikeness[] {
  const [here, there] = [first.analysis, other.analysis];
  return [
    ...(here.judge === there.judge
      ? []
      : [
          {
            kind: 'judge' as const,
            message: `${nameOfOther} is judged by ${there.judge}, and ${nameOfFirst} by ${here.judge}`,
            hint: 'Run the plan of one with the judge of the other: what is asked already is not asked again.',
          },
        ]),
    ...(here.rule === there.rule
      ? []
      : [
          {
            kind: 'rule' as const,
            message: `${nameOfOther} is counted by the rule ${there.rule}, and ${nameOfFirst} by ${here.rule}`,
            hint: `Count both by one: --rule ${here.rule}.`,
          },
        ]),
  ];
}

/** A hash of everything but the number of samples, by id. */
function listAsked({ questions }: AskedRun, evaluation: string): Map<string, string> {
  const beginning = formatQuestionKey(evaluation, '');
  return new Map(
    [...questions]
      .filter(([key]) => key.startsWith(beginning))
      .map(([, { samples: _, ...asked }]) => [asked.id, hashJson(asked)]),
  );
}

function nameSome(ids: readonly string[]): string {
  const some = `${ids.slice(0, 3).join(', ')}${ids.length > 3 ? ', ...' : ''}`;
  return ids.length === 1 ? `the question ${some}` : `${String(ids.length)} questions (${some})`;
}
