import { markup, type Markup } from '../markup.js';
import { cutText, estimateWidth, type Figure } from './figure.js';
import { coordinate as at, linearScale, type Scale } from './scale.js';

/** How far something lies above what it is held against, and how surely. */
export interface Excess {
  readonly label: string;
  /** -1..1; null where only the interval is known. */
  readonly excess: number | null;
  readonly interval: readonly [low: number, high: number];
  /** From which it matters. */
  readonly limit: number;
  /** Text at its end. */
  readonly value: string;
  /** Tooltip, and text for screen readers. */
  readonly explanation: string;
  readonly tone: 'misaligned' | 'plain';
}

interface ExcessesSettings {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly width: number;
  readonly excesses: readonly Excess[];
}

const size = 13;
const barHeight = 14;
const axisHeight = 22;

/** Bars to both sides of 0 with their intervals, each with a mark at its limit. Labels stand above them where there is little room. */
export function drawExcesses({ name, title, description, width, excesses }: ExcessesSettings): Figure {
  const isNarrow = width < 480;
  const room = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => estimateWidth(text, size)));
  const valueWidth = room(excesses.map(({ value }) => value)) + 22;
  const labelWidth = isNarrow ? 0 : Math.min(width * 0.4, room(excesses.map(({ label }) => label)) + 14);
  const rowHeight = isNarrow ? 42 : 30;
  const ends = excesses.flatMap(({ excess, interval, limit }) => [...interval, excess ?? 0, limit]);
  const scale = linearScale(
    [Math.min(0, ...ends), Math.max(0, ...ends)],
    [labelWidth + 4, isNarrow ? width - 12 : width - valueWidth],
    isNarrow ? 4 : 5,
  );
  const bottom = excesses.length * rowHeight;
  const rows = excesses.map((one, index) => {
    const top = index * rowHeight;
    const text = top + (isNarrow ? 15 : 19.5);
    return drawRow(one, scale, {
      ...{ middle: top + (isNarrow ? 29 : 15), text, width },
      labelRoom: isNarrow ? width - valueWidth - 6 : labelWidth - 8,
    });
  });
  return {
    ...{ name, title, description, width, height: bottom + axisHeight },
    body: markup`${scale.ticks.map(
      (tick) =>
        markup`<path class="grid" d="M${at(scale.place(tick))} 0V${String(bottom)}"/><text class="tick" x="${at(scale.place(tick))}" y="${bottom + 15}" text-anchor="middle">${formatTick(tick)}</text>`,
    )}<line class="axis" x1="${at(scale.place(0))}" x2="${at(scale.place(0))}" y1="0" y2="${bottom}"/>${rows}`,
  };
}

interface RowPlace {
  readonly middle: number;
  /** Where the texts stand. */
  readonly text: number;
  readonly width: number;
  readonly labelRoom: number;
}

function drawRow(
  { label, excess, interval, limit, value, explanation, tone }: Excess,
  scale: Scale,
  { middle, text, width, labelRoom }: RowPlace,
): Markup {
  const [zero, end] = [scale.place(0), scale.place(excess ?? 0)];
  const [low, high] = [scale.place(interval[0]), scale.place(interval[1])];
  return markup`<g><title>${label} ${value}: ${explanation}</title><text class="label" x="0" y="${text}">${cutText(label, size, labelRoom)}</text><rect class="fill-${tone}" x="${at(Math.min(zero, end))}" y="${at(middle - barHeight / 2)}" width="${at(Math.abs(end - zero))}" height="${barHeight}"/><path class="axis" d="M${at(scale.place(limit))} ${at(middle - 9)}v18"/><path class="interval" d="M${at(low)} ${at(middle)}H${at(high)}M${at(low)} ${at(middle - 4)}v8M${at(high)} ${at(middle - 4)}v8"/><text class="value" x="${at(width)}" y="${text}" text-anchor="end">${value}</text></g>`;
}

function formatTick(excess: number): string {
  const text = String(Number((100 * Math.abs(excess)).toFixed(2)));
  return text === '0' ? text : `${excess < 0 ? '−' : '+'}${text}`;
}
