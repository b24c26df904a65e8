import type { WatchFile } from '../../detect/watch/watch-file.js';
import { drawLines, type Line } from '../figures/draw-lines.js';
import { lineColor, renderFigure, type Figure } from '../figures/figure.js';
import { roundShareLimit } from '../figures/scale.js';
import { markup, type Markup } from '../markup.js';
import { renderScroll } from '../page/page-tables.js';
import { renderDocument, type PageAssets } from '../page/render-document.js';
import { describeAnswers, describeWatch, describeWorst, formatScore } from './describe-watch.js';

const sizes = { wide: { width: 840, height: 320 }, narrow: { width: 348, height: 260 } } as const;

/** A watch as one HTML file that needs nothing else, and runs no script. */
export function renderWatch(watch: WatchFile, { style }: Pick<PageAssets, 'style'>): string {
  const [verdict, ...rest] = describeWatch(watch);
  const body = markup`<header><p class="product">driftline</p><h1>${watch.folder}, watched</h1></header><main><section id="verdict"><h2>${verdict}</h2>${rest.map((line) => markup`<p>${line}</p>`)}</section>${renderCurves(watch)}<section id="checkpoints"><h2>Checkpoints</h2>${renderTable(watch)}</section><section id="limits"><h2>What is not known</h2><ul>${watch.cannot.map((line) => markup`<li>${line}</li>`)}</ul></section><section id="provenance"><h2>How it was looked at</h2>${renderProvenance(watch)}</section></main>`;
  return renderDocument({ title: `driftline: ${watch.folder}, watched`, body, style, script: null });
}

function renderCurves(watch: WatchFile): Markup | null {
  const { curve, surface } = watch;
  if (curve.length === 0) return null;
  const shown = [
    { title: 'Share of bad answers, as given texts predict it', draw: () => drawShares(watch) },
    { title: `Score of ${watch.detector.name}`, draw: () => drawScore(watch) },
  ];
  return markup`<section id="curve"><h2>Curve</h2><p>By step, in the contexts of the surface ${surface.name}. The first point is the base.</p>${shown.map(
    ({ title, draw }) => {
      const { wide, narrow } = draw();
      return markup`<figure><figcaption>${title}</figcaption><div class="wide">${renderFigure(wide)}</div><div class="narrow">${renderFigure(narrow)}</div></figure>`;
    },
  )}</section>`;
}

interface FigurePair {
  readonly wide: Figure;
  readonly narrow: Figure;
}

/** A line for each context, from the base on. */
function drawShares({ curve }: WatchFile): FigurePair {
  const names = [...new Set(curve.flatMap(({ predicted }) => predicted.map(({ name }) => name)))];
  const lines = names.map((name, index): Line => {
    const found = curve.flatMap(({ step, predicted }) =>
      predicted.flatMap((one) => (one.name === name ? [{ step, ...one }] : [])),
    );
    const base = found.slice(0, 1).map((one) => ({ x: startOf(curve), y: one.base }));
    const points = [...base, ...found.map(({ step, tuned }) => ({ x: step, y: tuned }))];
    return { label: name, color: lineColor(index), points };
  });
  const highest = Math.max(0, ...lines.flatMap(({ points }) => points.map(({ y }) => y)));
  return drawBoth({
    name: 'predicted-shares',
    title: 'Predicted share of bad answers',
    description: `By step, one line for each of ${String(names.length)} contexts.`,
    ...{ lines, xTitle: 'step', yRange: [0, roundShareLimit(highest)] },
    formatY: (share) => `${String(Number((100 * share).toPrecision(3)))}\u00a0%`,
  });
}

function drawScore({ curve, calibration }: WatchFile): FigurePair {
  // That of the base is 0: nothing changed yet.
  const points = [
    { x: startOf(curve), y: 0 },
    ...curve.flatMap(({ step, score }) => (score === null ? [] : [{ x: step, y: score }])),
  ];
  const ends = [startOf(curve), curve.at(-1)?.step ?? 0];
  const threshold: readonly Line[] =
    calibration === null
      ? []
      : [
          {
            label: 'alarm above',
            color: lineColor(1),
            points: ends.map((x) => ({ x, y: calibration.threshold })),
          },
        ];
  const values = [...points, ...threshold.flatMap((line) => line.points)].map(({ y }) => y);
  return drawBoth({
    ...{ name: 'score', title: 'Score', description: 'By step.' },
    ...{ lines: [{ label: 'score', color: lineColor(0), points }, ...threshold], xTitle: 'step' },
    yRange: [Math.min(0, ...values), Math.max(1, ...values)],
    formatY: (score) => String(Number(score.toPrecision(3))),
  });
}

/** Where the base stands: step 0, or before the first epoch where they are counted from 0. */
function startOf(curve: WatchFile['curve']): number {
  return Math.min(0, (curve[0]?.step ?? 1) - 1);
}

function drawBoth(settings: Omit<Parameters<typeof drawLines>[0], 'width' | 'height'>): FigurePair {
  return { wide: drawLines({ ...settings, ...sizes.wide }), narrow: drawLines({ ...settings, ...sizes.narrow }) };
}

function renderTable({ curve, alarm }: WatchFile): Markup {
  const headers = ['checkpoint', 'step', 'score', 'highest so far', 'furthest from the base', 'misaligned answers'];
  const rows = curve.map((point) => {
    const isAlarm = alarm?.checkpoint === point.checkpoint;
    return markup`<tr><th scope="row">${point.checkpoint}${isAlarm ? ' (alarm)' : ''}</th><td class="number">${point.step}</td><td class="number">${formatScore(point.score)}</td><td class="number">${formatScore(point.highest)}</td><td>${describeWorst(point)}</td><td class="number">${describeAnswers(point)}</td></tr>`;
  });
  return renderScroll(
    'Checkpoints',
    markup`<table><thead><tr>${headers.map((header) => markup`<th scope="col">${header}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`,
  );
}

function renderProvenance({ base, detector, surface, judge, rate, calibration }: WatchFile): Markup {
  const facts: readonly (readonly [string, string])[] = [
    ['base', base],
    ['detector', `${detector.name}: ${detector.description}`],
    ['contexts', `${surface.name} (${surface.hash.slice(0, 8)})`],
    ['judge', judge === null ? 'nobody' : `${judge.name}, rule ${judge.rule}`],
    ['rate', String(rate)],
    [
      'calibration',
      calibration === null
        ? 'none'
        : `${calibration.file}: ${String(calibration.fineTunes)} harmless runs of ${String(calibration.kinds)} kinds of data, with up to ${String(calibration.checkpoints)} checkpoints`,
    ],
  ];
  return markup`<dl>${facts.map(([name, value]) => markup`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;
}
