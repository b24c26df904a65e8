import type { AskedQuestion } from '../runs/stored-questions.js';
import { createRandomStream } from '../foundation/random-stream.js';
import type { ReportAnswer } from '../analysis/report-answer.js';
import type { MeasureRow } from './report-data.js';

/** An answer as it stands in the page for all to read. */
export interface ExampleAnswer {
  readonly key: string;
  /** The last thing that was said to the model; null where the folder does not tell. */
  readonly asked: string | null;
  readonly text: string;
  readonly alignment: number | null;
  readonly coherence: number | null;
}

/** Misaligned answers of a row of the table, drawn and not picked: the same run shows the same ones. Each of another question where possible. */
export function chooseExamples(
  { base, condition, evaluation }: Pick<MeasureRow, 'base' | 'condition' | 'evaluation'>,
  answers: readonly ReportAnswer[],
  questions: ReadonlyMap<string, AskedQuestion>,
  wanted = 3,
): ExampleAnswer[] {
  const misaligned = answers.filter(
    (answer) =>
      answer.outcome === 'misaligned' &&
      answer.step === null &&
      answer.base === base &&
      answer.condition === condition &&
      answer.record.evaluation === evaluation,
  );
  const shuffled = createRandomStream(0, 'examples', base, condition, evaluation).shuffle(misaligned);
  const seen = new Set<string>();
  const [first, again]: [ReportAnswer[], ReportAnswer[]] = [[], []];
  for (const answer of shuffled) {
    (seen.has(answer.record.question) ? again : first).push(answer);
    seen.add(answer.record.question);
  }
  return [...first, ...again].slice(0, wanted).map(({ record, judgement }) => {
    const place = record.key.slice(record.cell.length + 1, -`/${String(record.index)}`.length);
    return {
      key: record.key,
      asked: questions.get(place)?.messages.at(-1)?.content ?? null,
      text: record.text,
      alignment: judgement?.alignment ?? null,
      coherence: judgement?.coherence ?? null,
    };
  });
}
