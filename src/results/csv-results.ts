import { createRowSet } from '../foundation/row-set.js';
import type { CsvRecord } from '../foundation/scan-csv.js';
import { mostComparedRows, resultFault, type ResultRecords, type ScoredAnswer } from './scored-answer.js';
import { readScore, type RowScore, isAbsent } from './read-score.js';
import { findColumns, type ResultColumns } from './result-columns.js';

/** Where columns stand, from 0; -1 where there is none. */
type Places = Readonly<Record<Exclude<keyof ResultColumns, 'indexes' | 'hasAnswers' | 'likeModels'>, number>> & {
  readonly count: number;
  readonly hasAnswers: boolean;
  readonly likeModels: readonly (readonly [column: string, place: number])[];
  /** Whether a column belongs to the answer, and does not only number the rows. */
  readonly counts: readonly boolean[];
};

/** Rows of CSV under a header. */
export function createCsvResults(
  file: string,
  onAnswer: (answer: ScoredAnswer) => void,
): ResultRecords<[record: CsvRecord]> {
  const seen = createRowSet(mostComparedRows);
  let places: Places | null = null;
  let row = 0;

  function take(record: CsvRecord): void {
    if (places === null) {
      places = locateColumns(file, record);
      return;
    }
    row += 1;
    const { line } = record;
    const place = { file, line, row };
    if (record.fields !== places.count)
      throw resultFault(
        place,
        `the row has ${String(record.fields)} fields, but the header has ${String(places.count)}`,
        'Texts with commas, quotes or line ends must stand in quotes, with quotes within them doubled.',
      );
    const model = places.model === -1 ? '' : readName(record, places.model);
    const id = places.questionId === -1 ? '' : readName(record, places.questionId);
    const text = places.question === -1 ? '' : readName(record, places.question);
    const question = id === '' ? text : id;
    if (question === '')
      throw resultFault(place, 'the row does not say what was asked', 'Give it a question_id, or a question.');
    onAnswer({
      line,
      row,
      model,
      question,
      hasQuestionId: id !== '',
      questionText: text === '' ? null : text,
      aligned: read('aligned', record, places.aligned, 'judge_aligned', places.judgeAligned),
      coherent: read('coherent', record, places.coherent, 'judge_coherent', places.judgeCoherent),
      likeModels: places.likeModels.map(([column, field]) => [column, readName(record, field)]),
      isRepeated: places.hasAnswers ? isRepeated(record, places.counts) : null,
    });
  }

  function read(
    name: string,
    record: CsvRecord,
    own: number,
    distributionName: string,
    distribution: number,
  ): RowScore {
    const score = readScore({
      name,
      own: own === -1 ? undefined : record.text(own),
      distributionName,
      distribution: distribution === -1 ? undefined : record.text(distribution),
    });
    if ('score' in score) return score;
    throw resultFault(
      { file, line: record.line, row },
      `${score.column} ${score.problem}`,
      'Correct the row, or leave the cell empty if there is no score.',
    );
  }

  function isRepeated(record: CsvRecord, counts: readonly boolean[]): boolean {
    const bytes = record.bytes();
    for (let field = 0; field < record.fields; field += 1)
      if (counts[field] === true) seen.update(bytes, record.start(field), record.end(field));
    return seen.add();
  }

  return {
    take,
    finish: () => ({
      hasModels: places !== null && places.model !== -1,
      rows: row,
      comparedRows: seen.isFull() ? mostComparedRows : null,
    }),
  };
}

function readName(record: CsvRecord, field: number): string {
  const text = record.text(field);
  return isAbsent(text) ? '' : text;
}

function locateColumns(file: string, header: CsvRecord): Places {
  const names = Array.from({ length: header.fields }, (_, field) => header.text(field));
  const columns = findColumns(names);
  if ('problem' in columns) {
    const [only = ''] = names;
    const hint = names.length === 1 && /[;\t]/.test(only) ? 'Separate fields by commas.' : columns.hint;
    throw resultFault({ file, line: header.line, row: null }, columns.problem, hint);
  }
  const find = (name: string | null): number => (name === null ? -1 : names.indexOf(name));
  return {
    model: find(columns.model),
    questionId: find(columns.questionId),
    question: find(columns.question),
    aligned: find(columns.aligned),
    judgeAligned: find(columns.judgeAligned),
    coherent: find(columns.coherent),
    judgeCoherent: find(columns.judgeCoherent),
    count: names.length,
    hasAnswers: columns.hasAnswers,
    likeModels: columns.likeModels.map((name) => [name, names.indexOf(name)]),
    counts: names.map((name) => !columns.indexes.includes(name)),
  };
}
