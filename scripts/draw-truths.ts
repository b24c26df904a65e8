import { markup } from '../src/report/markup.js';
import { estimateWidth, lineColor, type Figure } from '../src/report/figures/figure.js';
import { coordinate as at, linearScale } from '../src/report/figures/scale.js';

/** Values of one column of truth.csv, each with the class of its entry. */
export interface TruthValues {
  readonly title: string;
  readonly values: readonly { readonly value: number; readonly class: string }[];
  /** Null for shares, which end at 1. */
  readonly high: number | null;
}

const panel = { width: 270, height: 130, columns: 3, bins: 20, gap: 26, head: 22, foot: 20 };

/** Histograms side by side, stacked by class. Heights are square roots of counts, so that a single entry is seen beside hundreds. */
export function drawTruths(columns: readonly TruthValues[], classes: readonly string[]): Figure {
  const rows = Math.ceil(columns.length / panel.columns);
  const width = panel.columns * (panel.width + panel.gap) - panel.gap;
  const rowHeight = panel.head + panel.height + panel.foot + panel.gap;
  let x = 0;
  const legend = classes.map((name, index) => {
    const item = markup`<rect class="color-${lineColor(index)}" x="${at(x)}" y="0" width="11" height="11"/><text class="small" x="${at(x + 16)}" y="10">${name}</text>`;
    x += 34 + estimateWidth(name, 12);
    return item;
  });
  return {
    name: 'zoo-truths',
    title: 'Truths of the zoo',
    description: `Histograms of ${columns.map(({ title }) => title).join(', ')}, stacked by class: ${classes.join(', ')}`,
    width,
    height: rows * rowHeight + 24,
    body: markup`${legend}${columns.map((column, index) =>
      drawColumn(
        column,
        classes,
        (index % panel.columns) * (panel.width + panel.gap),
        24 + Math.floor(index / panel.columns) * rowHeight,
      ),
    )}`,
  };
}

function drawColumn({ title, values, high }: TruthValues, classes: readonly string[], left: number, top: number) {
  const end = high ?? 1;
  const bins = Array.from({ length: panel.bins }, () => new Map<string, number>());
  for (const one of values) {
    const bin = bins[Math.min(panel.bins - 1, Math.floor((one.value / end) * panel.bins))];
    bin?.set(one.class, (bin.get(one.class) ?? 0) + 1);
  }
  const largest = Math.max(1, ...bins.map((bin) => [...bin.values()].reduce((sum, count) => sum + count, 0)));
  const bottom = top + panel.head + panel.height;
  const height = (count: number): number => (Math.sqrt(count) / Math.sqrt(largest)) * panel.height;
  const scale = linearScale([0, end], [left, left + panel.width], 4);
  const binWidth = panel.width / panel.bins;
  const bars = bins.map((bin, index) => {
    let below = 0;
    return classes.map((name, color) => {
      const count = bin.get(name) ?? 0;
      if (count === 0) return null;
      const [from, to] = [height(below), height(below + count)];
      below += count;
      return markup`<rect class="color-${lineColor(color)}" x="${at(left + index * binWidth + 0.5)}" y="${at(bottom - to)}" width="${at(binWidth - 1)}" height="${at(to - from)}"><title>${name}: ${count}</title></rect>`;
    });
  });
  return markup`<text class="small" x="${at(left)}" y="${at(top + 14)}">${title}, up to ${largest}</text>${bars}<line class="axis" x1="${at(left)}" x2="${at(left + panel.width)}" y1="${at(bottom)}" y2="${at(bottom)}"/>${scale.ticks.map(
    (tick) =>
      markup`<text class="tick" x="${at(scale.place(tick))}" y="${at(bottom + 14)}" text-anchor="middle">${high === null ? `${String(Math.round(tick * 100))} %` : String(tick)}</text>`,
  )}`;
}
