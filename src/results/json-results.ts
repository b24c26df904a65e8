import { createRowSet } from '../foundation/row-set.js';
import { mostComparedRows, resultFault, type ResultRecords, type ScoredAnswer } from './scored-answer.js';
import { isAbsent, readScore, type RowScore } from './read-score.js';
import { findColumns, type ResultColumns } from './result-columns.js';

/** Rows of JSON Lines, each an object; keys are looked up row by row, since each row has its own. */
export function createJsonResults(
  file: string,
  onAnswer: (answer: ScoredAnswer) => void,
): ResultRecords<[text: string, line: number, bytes: Buffer]> {
  const seen = createRowSet(mostComparedRows);
  const forms = new Map<string, ResultColumns>();
  let row = 0;
  let hasModels = false;

  function take(text: string, line: number, bytes: Buffer): void {
    if (text.trim() === '') return;
    row += 1;
    const place = { file, line, row };
    const value = parseRow(text, (problem, hint) => resultFault(place, problem, hint));
    const columns = findForm(value, line);
    const model = readName(value, columns.model, place);
    const id = readName(value, columns.questionId, place);
    const questionText = readName(value, columns.question, place);
    const question = id === '' ? questionText : id;
    if (question === '')
      throw resultFault(place, 'the row does not say what was asked', 'Give it a question_id, or a question.');
    hasModels ||= columns.model !== null;
    if (columns.hasAnswers) seen.update(bytes, 0, bytes.length);
    onAnswer({
      line,
      row,
      model,
      question,
      hasQuestionId: id !== '',
      questionText: questionText === '' ? null : questionText,
      aligned: read('aligned', value, columns.aligned, columns.judgeAligned, line),
      coherent: read('coherent', value, columns.coherent, columns.judgeCoherent, line),
      likeModels: columns.likeModels.map((name) => [name, showValue(value[name])]),
      isRepeated: columns.hasAnswers ? seen.add() : null,
    });
  }

  function findForm(value: Row, line: number): ResultColumns {
    const names = Object.keys(value);
    const form = names.join('\n');
    const known = forms.get(form);
    if (known !== undefined) return known;
    const columns = findColumns(names);
    if ('problem' in columns)
      throw resultFault(
        { file, line, row },
        columns.problem.replace('column', 'key'),
        columns.hint.replace('columns', 'keys'),
      );
    // Files usually have few forms. The limit bounds the memory for a file in which every row has another.
    if (forms.size < 1000) forms.set(form, columns);
    return columns;
  }

  function read(name: string, value: Row, own: string | null, distribution: string | null, line: number): RowScore {
    const score = readScore({
      name,
      own: own === null ? undefined : value[own],
      distributionName: `judge_${name}`,
      distribution: distribution === null ? undefined : value[distribution],
    });
    if ('score' in score) return score;
    throw resultFault(
      { file, line, row },
      `${score.column} ${score.problem}`,
      'Correct the row, or write null if there is no score.',
    );
  }

  return {
    take,
    finish: () => ({ hasModels, rows: row, comparedRows: seen.isFull() ? mostComparedRows : null }),
  };
}

type Row = Readonly<Record<string, unknown>>;

function parseRow(text: string, fail: (problem: string, hint: string) => Error): Row {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause);
    throw fail(`the line is not JSON: ${problem}`, 'Correct or remove that line; every line must be one JSON object.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw fail('the line is not a JSON object', 'Write every row as an object of its own, on a line of its own.');
  return value as Row; // an object that JSON made has texts as keys
}

/** Parses JSON, and NaN and infinities, which Python writes as if they were JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (!/NaN|Infinity/.test(text)) throw cause;
    const strict = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (part) => {
      if (part.startsWith('"')) return part;
      return part === 'NaN' ? 'null' : `"${part}"`;
    });
    return JSON.parse(strict);
  }
}

/** A value that is only compared with others. */
function showValue(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value);
}

function readName(value: Row, name: string | null, place: { file: string; line: number; row: number }): string {
  const found = name === null ? null : value[name];
  if (found === null || found === undefined) return '';
  if (typeof found === 'string') return isAbsent(found) ? '' : found;
  if (typeof found === 'number') return String(found);
  throw resultFault(place, `${name ?? ''} is neither a text nor a number`, 'Correct the row.');
}
