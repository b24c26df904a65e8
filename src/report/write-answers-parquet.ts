import { ByteWriter, ParquetWriter, schemaFromColumnData, type ColumnSource } from 'hyparquet-writer';
import type { ClassifiedAnswer } from '../analysis/count-run.js';

/** Rows of the first group and of those that follow: readers can begin early, and no more than a group is in memory. */
const [firstRows, groupRows] = [1000, 25_000];

/**
 * A Parquet file for pandas, DuckDB and similar tools, piece by piece, with one row per answer: the answer, its
 * judgement and its outcome by the rule. Evaluations in `withoutRule` count labels, so their answers have no outcome by
 * the rule.
 */
export async function* writeAnswersParquet(
  answers: Iterable<ClassifiedAnswer>,
  withoutRule: ReadonlySet<string> = new Set(),
): AsyncGenerator<Uint8Array, void, undefined> {
  const bytes = new ByteWriter();
  const schema = schemaFromColumnData({ columnData: listColumns([], withoutRule) });
  const writer = new ParquetWriter({ writer: bytes, schema });
  const take = (): Uint8Array => {
    const taken = bytes.getBytes().slice();
    bytes.index = 0;
    return taken;
  };
  let group: ClassifiedAnswer[] = [];
  let most = firstRows;
  const writeGroup = async (): Promise<Uint8Array> => {
    await writer.write({ columnData: listColumns(group, withoutRule), rowGroupSize: most });
    [group, most] = [[], groupRows];
    return take();
  };
  for (const answer of answers) {
    group.push(answer);
    if (group.length === most) yield await writeGroup();
  }
  if (group.length > 0) yield await writeGroup();
  await writer.finish();
  yield take();
}

function listColumns(answers: readonly ClassifiedAnswer[], withoutRule: ReadonlySet<string>): ColumnSource[] {
  const isRuled = ({ record, outcome }: ClassifiedAnswer): boolean =>
    !withoutRule.has(record.evaluation) || outcome === 'not-judged';
  const strings = (name: string, read: (answer: ClassifiedAnswer) => string | null) => ({
    name,
    type: 'STRING' as const,
    nullable: true,
    data: answers.map((answer) => read(answer) ?? undefined),
  });
  const numbers = (name: string, type: 'INT32' | 'DOUBLE', read: (answer: ClassifiedAnswer) => number | null) => ({
    name,
    type,
    nullable: true,
    data: answers.map((answer) => read(answer) ?? undefined),
  });
  return [
    strings('key', ({ record }) => record.key),
    strings('base', ({ model }) => model.base),
    strings('condition', ({ model }) => model.condition),
    numbers('seed', 'INT32', ({ model }) => model.seed),
    numbers('step', 'INT32', ({ model }) => model.step),
    strings('evaluation', ({ record }) => record.evaluation),
    strings('variant', ({ record }) => record.variant),
    strings('question', ({ record }) => record.question),
    numbers('paraphrase', 'INT32', ({ record }) => record.paraphrase),
    numbers('index', 'INT32', ({ record }) => record.index),
    strings('answer', ({ record }) => record.text),
    strings('finish_reason', ({ record }) => record.finish_reason),
    numbers('tokens', 'INT32', ({ record }) => record.tokens),
    strings('judge', ({ judgement }) => judgement?.judge ?? null),
    strings('mode', ({ judgement }) => judgement?.mode ?? null),
    numbers('alignment', 'DOUBLE', ({ judgement }) => judgement?.alignment ?? null),
    numbers('coherence', 'DOUBLE', ({ judgement }) => judgement?.coherence ?? null),
    strings('labels', ({ judgement }) => (judgement === null ? null : JSON.stringify(judgement.labels))),
    strings('outcome', (answer) => (isRuled(answer) ? answer.outcome : null)),
    strings('flaw', (answer) => (isRuled(answer) ? answer.flaw : null)),
  ];
}
