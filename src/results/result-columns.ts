import { nearestName } from '../foundation/find-by-name.js';

/** The columns of a file of results that are read; null if it has none of that name. */
export interface ResultColumns {
  readonly model: string | null;
  readonly questionId: string | null;
  readonly question: string | null;
  readonly aligned: string | null;
  readonly judgeAligned: string | null;
  readonly coherent: string | null;
  readonly judgeCoherent: string | null;
  /** Whether a column has the answers. Without them, equal scores are no sign of equal rows. */
  readonly hasAnswers: boolean;
  /** Columns that look as if they named the model, and are not the one that is read. */
  readonly likeModels: readonly string[];
  /** Columns that only number the rows. */
  readonly indexes: readonly string[];
}

/** What keeps a file's columns from being read. */
interface ColumnFault {
  readonly problem: string;
  readonly hint: string;
}

const answerNames = ['answer', 'response', 'completion'];

/** One name of each list is needed. */
const wanted: readonly (readonly string[])[] = [
  ['question_id', 'question'],
  ['aligned', 'judge_aligned'],
  ['coherent', 'judge_coherent'],
];

const known = [...wanted.flat(), ...answerNames, 'model'];

/** Other names for what `model` says: `model_name`, `Checkpoint`, `fine-tuned model`. */
const likeModel =
  /^(?:(?:base|tuned|fine_?tuned|evaluated|target|source)_?)?(?:models?|checkpoint|ckpt|adapter|llm|fine_?tune)(?:_?(?:name|id|path|ref|key|version|slug))?$/;

/** Names that are near a known one and mean something else. */
const otherWords = ['mode', 'modes', 'module', 'node', 'questions', 'answers'];

export function findColumns(names: readonly string[]): ResultColumns | ColumnFault {
  const twice = names.find((name, index) => known.includes(name) && names.indexOf(name) !== index);
  if (twice !== undefined)
    return { problem: `the column "${twice}" occurs twice`, hint: 'Rename or remove one of them.' };
  const missing = wanted.find((choice) => !choice.some((name) => names.includes(name)));
  const meant = findMisspelt(names, missing);
  if (meant !== null)
    return {
      problem: `unknown column "${meant.name}" (did you mean "${meant.nearest}"?)`,
      hint: `Rename it to "${meant.nearest}", or remove it.`,
    };
  if (missing !== undefined)
    return {
      problem: `there is no column ${missing.map((name) => `"${name}"`).join(' or ')}`,
      hint: `The columns are ${names
        .map((name) => JSON.stringify(name))
        .join(', ')
        .slice(0, 300)}.`,
    };
  const find = (name: string): string | null => (names.includes(name) ? name : null);
  return {
    model: find('model'),
    questionId: find('question_id'),
    question: find('question'),
    aligned: find('aligned'),
    judgeAligned: find('judge_aligned'),
    coherent: find('coherent'),
    judgeCoherent: find('judge_coherent'),
    hasAnswers: answerNames.some((name) => names.includes(name)),
    likeModels: names.filter(
      (name) =>
        !known.includes(name) &&
        likeModel.test(
          name
            .trim()
            .toLowerCase()
            .replace(/[\s.-]+/g, '_'),
        ),
    ),
    indexes: names.filter((name) => name === '' || /^Unnamed: \d+$/.test(name)),
  };
}

/**
 * Finds an unknown name that is close to one that the file lacks: more likely a misspelling than a column of the user's own. If the file
 * can do without the name, only one letter may be wrong, or the order of letters.
 */
function findMisspelt(
  names: readonly string[],
  missing: readonly string[] | undefined,
): { readonly name: string; readonly nearest: string } | null {
  const hasAnswer = answerNames.some((name) => names.includes(name));
  const lacking = known.filter((name) => !names.includes(name) && !(hasAnswer && answerNames.includes(name)));
  for (const name of names) {
    if (known.includes(name) || name === '') continue;
    const nearest = nearestName(name.trim(), missing ?? lacking);
    if (nearest === null) continue;
    if (missing !== undefined || (!otherWords.includes(name) && countOtherLetters(name, nearest) <= 2))
      return { name, nearest };
  }
  return null;
}

/** Letters that only one of two names has: one for a letter too many, two for a wrong one, none for another order. */
function countOtherLetters(one: string, other: string): number {
  const counts = new Map<string, number>();
  for (const letter of one.trim().toLowerCase()) counts.set(letter, (counts.get(letter) ?? 0) + 1);
  for (const letter of other) counts.set(letter, (counts.get(letter) ?? 0) - 1);
  return [...counts.values()].reduce((sum, count) => sum + Math.abs(count), 0);
}
