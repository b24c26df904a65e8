import { showsMisalignment } from '../../analysis/drift.js';
import type { ClassifiedAnswer } from '../../analysis/count-run.js';
import type { MeasureRow } from '../../analysis/measure-rows.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import type { AskedQuestion } from '../../runs/run-outline.js';
import { linkAnswers } from '../answer-link.js';
import { markup, type Markup } from '../markup.js';
import type { ReportData } from '../report-data.js';
import { describeWay, namePlainly } from '../write-verdict.js';

/** Misaligned answers of a row of the table. */
export interface RowExamples {
  readonly row: MeasureRow;
  /** The condition; with its base where the run has several. */
  readonly name: string;
  /** How it was asked, if not plainly. */
  readonly way: string | null;
  readonly answers: readonly ExampleAnswer[];
}

/** An answer that the page shows in full. */
interface ExampleAnswer {
  readonly key: string;
  /** The last message to the model; null if the folder does not say. */
  readonly asked: string | null;
  readonly text: string;
  readonly alignment: number | null;
  readonly coherence: number | null;
}

/** The most conditions with examples, and the most answers for each. */
const most = { rows: 4, answers: 3 };

/** Examples of the misaligned rows of the verdict, in its order. */
export function listExamples(
  data: ReportData,
  answers: readonly ClassifiedAnswer[],
  questions: ReadonlyMap<string, AskedQuestion>,
): RowExamples[] {
  return listMisalignedRows(data)
    .slice(0, most.rows)
    .map((row) => ({
      row,
      name: namePlainly(data, row),
      way: row.isHidden ? describeWay(data, row.evaluation) : null,
      answers: drawExamples(row, answers, questions),
    }));
}

function listMisalignedRows({ bases, rows, mainEvaluation }: ReportData): MeasureRow[] {
  return bases.flatMap(({ name }) => {
    const ofBase = rows.filter((row) => row.base === name);
    return [
      ...ofBase
        .filter((row) => row.evaluation === mainEvaluation && showsMisalignment(row.verdict))
        .sort((one, other) => (other.share.share ?? 0) - (one.share.share ?? 0)),
      ...ofBase.filter(({ isHidden }) => isHidden),
    ];
  });
}

/** Draws examples at random, from different questions if possible. The same run always shows the same ones. */
function drawExamples(
  { base, condition, evaluation }: MeasureRow,
  answers: readonly ClassifiedAnswer[],
  questions: ReadonlyMap<string, AskedQuestion>,
): ExampleAnswer[] {
  const misaligned = answers.filter(
    ({ outcome, model, record }) =>
      outcome === 'misaligned' &&
      model.step === null &&
      model.base === base &&
      model.condition === condition &&
      record.evaluation === evaluation,
  );
  const shuffled = createRandomStream(0, 'examples', base, condition, evaluation).shuffle(misaligned);
  const seen = new Set<string>();
  const [first, again]: [ClassifiedAnswer[], ClassifiedAnswer[]] = [[], []];
  for (const answer of shuffled) {
    (seen.has(answer.record.question) ? again : first).push(answer);
    seen.add(answer.record.question);
  }
  return [...first, ...again].slice(0, most.answers).map(({ record, asked, judgement }) => ({
    key: record.key,
    asked: questions.get(asked)?.messages.at(-1)?.content ?? null,
    text: record.text,
    alignment: judgement?.alignment ?? null,
    coherence: judgement?.coherence ?? null,
  }));
}

export function renderExamples(examples: readonly RowExamples[]): Markup | null {
  const shown = examples.filter(({ answers }) => answers.length > 0);
  if (shown.length === 0) return null;
  return markup`<section id="examples" aria-labelledby="examples-title"><h2 id="examples-title">Examples</h2><p>Misaligned answers, drawn at random.</p>${shown.map(
    ({ row, name, way, answers }) =>
      markup`<h3>${name}${way === null ? '' : `, ${way}`}</h3><div class="examples">${answers.map(
        ({ asked, text, alignment, coherence, key }) =>
          markup`<figure class="example">${asked === null ? null : markup`<p class="asked">${asked}</p>`}<blockquote>${text}</blockquote><figcaption>alignment ${alignment ?? '–'}, coherence ${coherence ?? '–'} · <a href="${linkAnswers({ base: row.base, condition: row.condition, evaluation: row.evaluation, outcome: 'misaligned', answer: key })}" aria-label="show in the list: ${key}">show in the list</a></figcaption></figure>`,
      )}</div>`,
  )}</section>`;
}
