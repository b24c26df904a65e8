import type { Drift, DriftVerdict } from '../../analysis/drift.js';
import type { MeasureRow } from '../../analysis/measure-rows.js';
import { isBase } from '../../runs/run-outline.js';
import { linkCounted, linkMeasure, type AnswerFilter } from '../answer-link.js';
import { count, percent, percentNumber, percentRange, points, pointsRange, probability } from '../format-numbers.js';
import { markup, type Markup, type MarkupValue } from '../markup.js';
import type { ReportData } from '../report-data.js';
import { describeWay, nameCondition } from '../write-verdict.js';

const verdictWords: Readonly<Record<DriftVerdict, string>> = {
  misaligned: 'misaligned',
  'misaligned-here': 'misaligned here',
  'less-misaligned': 'less than base',
  'none-found': 'no drift found',
  unclear: 'not clear',
  unknown: '–',
};

/** How misaligned each condition is, in every evaluation about alignment. */
export function renderHeadline(data: ReportData, base: string): Markup {
  const rows = data.rows.filter((row) => row.base === base && row.outcome.kind === 'misaligned');
  const comparisons = Math.max(1, ...rows.map(({ drift }) => drift?.comparisons ?? 1));
  const hasSeeds = rows.some(({ seedIntervals }) => seedIntervals !== null);
  const columns: readonly Column<MeasureRow>[] = [
    textColumn('condition', (row) => [nameCondition(data, row), renderWay(row, data)]),
    numberColumn('misaligned, %; 95\u00a0% interval', ({ share }) => [
      markup`<span class="strong">${percentNumber(share.share)}</span>`,
      renderBelow(percentRange(share.interval)),
    ]),
    numberColumn('answers', linkCounts),
    numberColumn(
      `drift from base, points; 95\u00a0% interval${comparisons < 2 ? '' : ` (${count(comparisons)} at once)`}`,
      ({ drift }) => (drift === null ? '–' : renderDrift(drift)),
    ),
    textColumn('verdict', renderVerdict),
    ...(hasSeeds ? [numberColumn('by seed, %; over seeds and questions (the paper’s)', renderSeeds)] : []),
    numberColumn('incoherent, %', (row) => percentNumber(findIncoherent(row, data))),
  ];
  return renderScroll(
    `How misaligned the conditions of ${base} are`,
    markup`<table class="headline"><caption>Alignment: misaligned answers among those that count, and the drift from the base, which compares question by question and so can differ a little from the difference of the two shares. Intervals are for questions like these.</caption>${renderColumns(
      columns,
      rows,
      (row) => `row-${row.verdict ?? 'base'}`,
    )}</table>`,
  );
}

function renderWay({ base, condition, evaluation }: MeasureRow, data: ReportData): Markup | null {
  return evaluation === data.mainEvaluation
    ? renderNote({ base, condition }, data)
    : renderBelow(describeWay(data, evaluation));
}

function renderDrift({ difference, interval, jointInterval, comparisons }: Drift): MarkupValue {
  const joint = comparisons < 2 || jointInterval === null ? null : renderBelow(`(${pointsRange(jointInterval)})`);
  return [points(difference), renderBelow(pointsRange(interval)), joint];
}

function renderBelow(text: string): Markup {
  return markup`<span class="way">${text}</span>`;
}

function renderVerdict(row: MeasureRow): MarkupValue {
  const { verdict } = row;
  if (verdict === null) return '–';
  const word = markup`<span class="verdict ${verdict}">${verdictWords[verdict]}</span>`;
  if (verdict === 'misaligned-here') return [word, renderBelow('not clear on other questions')];
  const isOfThese = (verdict === 'misaligned' || verdict === 'less-misaligned') && !row.isClearJointly;
  return isOfThese ? [word, renderBelow('likely on other questions')] : word;
}

function findIncoherent({ base, condition, evaluation }: MeasureRow, { rows }: ReportData): number | null {
  const found = rows.find(
    (one) =>
      one.base === base &&
      one.condition === condition &&
      one.evaluation === evaluation &&
      one.outcome.kind === 'incoherent',
  );
  return found?.share.share ?? null;
}

function renderNote(row: Pick<MeasureRow, 'base' | 'condition'>, data: ReportData): Markup | null {
  const note = isBase(row) ? describeBase(row, data) : describeCondition(row, data);
  return note === null ? null : markup`<span class="way condition-note">${note}</span>`;
}

function describeBase({ base }: Pick<MeasureRow, 'base'>, { bases }: ReportData): string {
  const { model = null } = bases.find(({ name }) => name === base) ?? {};
  return model?.includes('+') === true ? 'What the others are compared with' : 'Not fine-tuned';
}

/** Its note; of models that existed also which they are. */
function describeCondition({ condition }: Pick<MeasureRow, 'condition'>, { conditions }: ReportData): string | null {
  const { note = null, existing = [] } = conditions.find(({ name }) => name === condition) ?? {};
  const [first] = existing;
  if (first === undefined) return note;
  const which = existing.length === 1 ? first : `${count(existing.length)} models that were there already`;
  return note === null ? which : `${note} (${which})`;
}

/** Measures other than alignment, one column each. */
export function renderOthers(data: ReportData, base: string): Markup | null {
  const rows = data.rows.filter((row) => row.base === base && row.outcome.kind === 'label');
  if (rows.length === 0) return null;
  const measures = [...new Set(rows.map(({ measure }) => measure))];
  const conditions = [...new Set(data.rows.filter((row) => row.base === base).map(({ condition }) => condition))];
  return renderScroll(
    `What else was measured of ${base}`,
    markup`<table class="others"><caption>Besides alignment: % of all judged answers, with 95\u00a0% intervals for questions like these (for these alone where that cannot be told); a dash where it was not asked.</caption><thead><tr><th scope="col">condition</th>${measures.map((measure) => markup`<th scope="col" class="number">${measure}</th>`)}</tr></thead><tbody>${conditions.map(
      (condition) =>
        markup`<tr><th scope="row">${nameCondition(data, { base, condition })}</th>${measures.map((measure) => {
          const row = rows.find((one) => one.condition === condition && one.measure === measure);
          if (row === undefined) return markup`<td class="number">–</td>`;
          return markup`<td class="number"><a href="${linkMeasure(row.outcome, placeOf(row))}">${percent(row.share.share)}</a><span class="way">${percentRange(row.share.interval ?? row.share.wilson)}</span></td>`;
        })}</tr>`,
    )}</tbody></table>`,
  );
}

/** Every number with its interval, method and p-values. */
export function renderAllNumbers(data: ReportData): Markup {
  const ofDrift =
    (read: (drift: Drift) => MarkupValue) =>
    ({ drift }: MeasureRow): MarkupValue =>
      drift === null ? '–' : read(drift);
  const columns: readonly Column<MeasureRow>[] = [
    textColumn('base, condition', ({ base, condition }) => `${base}, ${condition}`),
    textColumn('evaluation', ({ evaluation }) => evaluation),
    textColumn('answers that are', ({ measure }) => measure),
    numberColumn('share', ({ share }) => percent(share.share)),
    numberColumn('k of n', linkCounts),
    numberColumn('Wilson, these questions', ({ share }) => percentRange(share.wilson)),
    numberColumn('95\u00a0% interval, questions like these', ({ share }) => percentRange(share.interval)),
    textColumn('over what, by which method', ({ share }) =>
      share.interval === null ? (share.refusal ?? '') : `other ${share.unit}s: ${share.method}`,
    ),
    numberColumn('questions', ({ share }) => share.questions),
    numberColumn('design effect', ({ share }) => (share.designEffect === null ? '–' : share.designEffect.toFixed(1))),
    numberColumn('the paper’s, over seeds', ({ seedIntervals }) => percentRange(seedIntervals?.paper.interval ?? null)),
    numberColumn('over seeds and questions', ({ seedIntervals }) => percentRange(seedIntervals?.both.interval ?? null)),
    numberColumn(
      'change from base',
      ofDrift(({ difference, interval }) => [points(difference), renderBelow(pointsRange(interval))]),
    ),
    numberColumn(
      'all comparisons at once',
      ofDrift(({ jointInterval, comparisons }) => [
        pointsRange(jointInterval),
        renderBelow(`of ${count(comparisons)}`),
      ]),
    ),
    numberColumn(
      'p, over questions (adjusted)',
      ofDrift(({ p, adjustedP }) => [probability(p), renderBelow(`(${probability(adjustedP)})`)]),
    ),
    numberColumn(
      'p, over answers (adjusted)',
      ofDrift(({ answersP, adjustedAnswersP }) => [
        probability(answersP),
        renderBelow(`(${probability(adjustedAnswersP)})`),
      ]),
    ),
  ];
  return renderScroll('All numbers', markup`<table class="all">${renderColumns(columns, data.rows)}</table>`);
}

function linkCounts(row: MeasureRow): Markup {
  const { share, outcome } = row;
  const where = placeOf(row);
  return markup`<a href="${linkMeasure(outcome, where)}">${count(share.successes)}</a> of <a href="${linkCounted(outcome, where)}">${count(share.trials)}</a>`;
}

function placeOf({ base, condition, evaluation }: MeasureRow): AnswerFilter {
  return { base, condition, evaluation };
}

function renderSeeds({ seeds, seedIntervals }: MeasureRow): MarkupValue {
  if (seeds.length < 2) return '–';
  const shares = seeds.map(
    ({ seed, successes, trials }, index) =>
      markup`${index === 0 ? '' : ' · '}<span title="seed ${seed ?? ''}: ${count(successes)} of ${count(trials)}">${trials === 0 ? '–' : ((100 * successes) / trials).toFixed(1)}</span>`,
  );
  const [both, paper] = [seedIntervals?.both.interval ?? null, seedIntervals?.paper.interval ?? null];
  return [
    ...shares,
    ...(both === null ? [] : [renderBelow(percentRange(both))]),
    ...(paper === null ? [] : [renderBelow(`(${percentRange(paper)})`)]),
  ];
}

/** Lets a table that is wider than the page scroll by itself, also by keyboard. */
export function renderScroll(label: string, table: Markup): Markup {
  return markup`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}

/** A column of a table: its header, and its cell for a row. */
interface Column<Row> {
  readonly title: string;
  /** Aligned to the right, except in the first column, which names the row. */
  readonly isNumber: boolean;
  readonly cell: (row: Row) => MarkupValue;
}

function textColumn<Row>(title: string, cell: Column<Row>['cell']): Column<Row> {
  return { title, isNumber: false, cell };
}

function numberColumn<Row>(title: string, cell: Column<Row>['cell']): Column<Row> {
  return { title, isNumber: true, cell };
}

/** Head and body of a table. */
function renderColumns<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  classOf: (row: Row) => string = () => '',
): Markup {
  const kind = ({ isNumber }: Column<Row>): Markup | null => (isNumber ? markup` class="number"` : null);
  return markup`<thead><tr>${columns.map((column) => markup`<th scope="col"${kind(column)}>${column.title}</th>`)}</tr></thead><tbody>${rows.map(
    (row) =>
      markup`<tr class="${classOf(row)}">${columns.map((column, index) =>
        index === 0
          ? markup`<th scope="row">${column.cell(row)}</th>`
          : markup`<td${kind(column)}>${column.cell(row)}</td>`,
      )}</tr>`,
  )}</tbody>`;
}
