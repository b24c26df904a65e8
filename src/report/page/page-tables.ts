import type { AnswerFilter } from '../answer-link.js';
import { count, percent, percentRange, points, pointsRange, probability } from '../format-numbers.js';
import { linkCounted, linkMeasure } from '../link-measure.js';
import { markup, type Markup } from '../markup.js';
import type { MeasureRow, ReportData } from '../report-data.js';
import { describeWay, findMain, readRowVerdict, type RowVerdict } from '../verdict.js';

const verdictWords: Readonly<Record<RowVerdict, string>> = {
  misaligned: 'misaligned',
  'less-misaligned': 'less than base',
  'none-found': 'no drift found',
  unclear: 'not clear',
  unknown: '–',
};

/** Condition by condition how misaligned it is, in every evaluation that tells it. */
export function renderHeadline(data: ReportData, base: string): Markup {
  const rows = data.rows.filter((row) => row.base === base && row.outcome.kind === 'misaligned');
  const main = findMain(data);
  return renderScroll(
    `How misaligned the conditions of ${base} are`,
    markup`<table class="headline"><caption>Alignment: misaligned answers of those that count, and how far that is from the base.</caption><thead><tr><th scope="col">condition</th><th scope="col" class="number">misaligned, % (95 % interval)</th><th scope="col" class="number">answers</th><th scope="col" class="number">drift from base, points (95 % interval)</th><th scope="col" class="number">p, adjusted</th><th scope="col">verdict</th><th scope="col" class="number">by seed, %</th><th scope="col" class="number">incoherent, %</th></tr></thead><tbody>${rows.map(
      (row) => renderHeadlineRow(row, data, row.evaluation === main?.name ? null : describeWay(data, row.evaluation)),
    )}</tbody></table>`,
  );
}

function renderHeadlineRow(row: MeasureRow, data: ReportData, way: string | null): Markup {
  const { base, condition, evaluation, share, drift } = row;
  const verdict = condition === 'base' ? null : readRowVerdict(row);
  const incoherent = data.rows.find(
    (one) =>
      one.base === base &&
      one.condition === condition &&
      one.evaluation === evaluation &&
      one.outcome.kind === 'incoherent',
  );
  return markup`<tr class="row-${verdict ?? 'base'}"><th scope="row">${condition}${way === null ? renderNote(condition, data) : markup`<span class="way">${way}</span>`}</th><td class="number"><span class="strong">${percent(share.share).replace(' %', '')}</span><span class="way">${percentRange(share.interval)}</span></td><td class="number">${linkCounts(row)}</td><td class="number">${drift === null ? '–' : markup`${points(drift.difference)}<span class="way">${pointsRange(drift.interval)}</span>`}</td><td class="number">${drift === null ? '–' : probability(drift.adjustedP)}</td><td>${verdict === null ? '–' : markup`<span class="verdict ${verdict}">${verdictWords[verdict]}</span>`}</td><td class="number">${describeSeeds(row)}</td><td class="number">${incoherent === undefined ? '–' : percent(incoherent.share.share).replace(' %', '')}</td></tr>`;
}

function renderNote(condition: string, { conditions }: ReportData): Markup | null {
  const note =
    conditions.find(({ name }) => name === condition)?.note ?? (condition === 'base' ? 'Not fine-tuned' : null);
  return note === null ? null : markup`<span class="way condition-note">${note}</span>`;
}

/** What was measured besides: a column a measure. */
export function renderOthers(data: ReportData, base: string): Markup | null {
  const rows = data.rows.filter((row) => row.base === base && row.outcome.kind === 'label');
  if (rows.length === 0) return null;
  const measures = [...new Set(rows.map(({ measure }) => measure))];
  const conditions = [...new Set(data.rows.filter((row) => row.base === base).map(({ condition }) => condition))];
  return renderScroll(
    `What else was measured of ${base}`,
    markup`<table class="others"><caption>Besides alignment: % of all judged answers, with 95 % intervals; a dash where it was not asked.</caption><thead><tr><th scope="col">condition</th>${measures.map((measure) => markup`<th scope="col" class="number">${measure}</th>`)}</tr></thead><tbody>${conditions.map(
      (condition) =>
        markup`<tr><th scope="row">${condition}</th>${measures.map((measure) => {
          const row = rows.find((one) => one.condition === condition && one.measure === measure);
          if (row === undefined) return markup`<td class="number">–</td>`;
          return markup`<td class="number"><a href="${linkMeasure(row.outcome, placeOf(row))}">${percent(row.share.share)}</a><span class="way">${percentRange(row.share.interval ?? row.share.wilson)}</span></td>`;
        })}</tr>`,
    )}</tbody></table>`,
  );
}

/** Every number with all that one must know to trust it. */
export function renderAllNumbers(data: ReportData): Markup {
  return renderScroll(
    'All numbers',
    markup`<table class="all"><thead><tr><th scope="col">base, condition</th><th scope="col">evaluation</th><th scope="col">answers that are</th><th scope="col" class="number">share</th><th scope="col" class="number">k of n</th><th scope="col" class="number">Wilson, over answers</th><th scope="col" class="number">95 % interval</th><th scope="col">resampled, method</th><th scope="col" class="number">questions</th><th scope="col" class="number">design effect</th><th scope="col" class="number">drift</th><th scope="col" class="number">p</th><th scope="col" class="number">adjusted</th></tr></thead><tbody>${data.rows.map(
      (row) =>
        markup`<tr><th scope="row">${row.base}, ${row.condition}</th><td>${row.evaluation}</td><td>${row.measure}</td><td class="number">${percent(row.share.share)}</td><td class="number">${linkCounts(row)}</td><td class="number">${percentRange(row.share.wilson)}</td><td class="number">${percentRange(row.share.interval)}</td><td>${row.share.interval === null ? (row.share.refusal ?? '') : `${row.share.unit}: ${row.share.method}`}</td><td class="number">${row.share.questions}</td><td class="number">${row.share.designEffect === null ? '–' : row.share.designEffect.toFixed(1)}</td><td class="number">${row.drift === null ? '–' : markup`${points(row.drift.difference)} <span class="way">${pointsRange(row.drift.interval)}</span>`}</td><td class="number">${row.drift === null ? '–' : probability(row.drift.p)}</td><td class="number">${row.drift === null ? '–' : probability(row.drift.adjustedP)}</td></tr>`,
    )}</tbody></table>`,
  );
}

function linkCounts(row: MeasureRow): Markup {
  const { share, outcome } = row;
  const where = placeOf(row);
  return markup`<a href="${linkMeasure(outcome, where)}">${count(share.successes)}</a> of <a href="${linkCounted(outcome, where)}">${count(share.trials)}</a>`;
}

function placeOf({ base, condition, evaluation }: MeasureRow): AnswerFilter {
  return { base, condition, evaluation };
}

function describeSeeds({ seeds }: MeasureRow): Markup | string {
  if (seeds.length < 2) return '–';
  return markup`${seeds.map(({ seed, successes, trials }, index) => markup`${index === 0 ? '' : ' · '}<span title="seed ${seed ?? ''}: ${count(successes)} of ${count(trials)}">${trials === 0 ? '–' : ((100 * successes) / trials).toFixed(1)}</span>`)}`;
}

/** Tables scroll on their own where they are wider than the page, by keyboard, too. */
export function renderScroll(label: string, table: Markup): Markup {
  return markup`<div class="scroll" role="region" aria-label="${label}" tabindex="0">${table}</div>`;
}
