import type { Markup } from '../markup.js';

/** A picture as SVG, in units of CSS pixels: in the page its style sheet colours it, in a file it carries its own colours. */
export interface Figure {
  /** Of its file, without the ending. */
  readonly name: string;
  readonly title: string;
  /** What it shows, for those who do not see it. */
  readonly description: string;
  readonly width: number;
  readonly height: number;
  readonly body: Markup;
}

/** Where a figure leads: from a fragment of the page's address to what an `href` there needs. */
export type FigureLink = (fragment: string) => string;

/** Roughly how wide a text is, in a sans-serif font of this size: figures are drawn where nothing can be measured. */
export function estimateWidth(text: string, size: number): number {
  let width = 0;
  for (const character of text) {
    if (/[ijlt.,:;|'!()[\]f ]/.test(character)) width += 0.33;
    else if (/[mwMW%@–]/.test(character)) width += 0.86;
    else if (/[A-Z]/.test(character)) width += 0.68;
    else width += 0.55;
  }
  return width * size;
}

/** The text, cut to what fits, with an ellipsis where it was cut. */
export function cutText(text: string, size: number, width: number): string {
  if (estimateWidth(text, size) <= width) return text;
  let cut = text;
  while (cut !== '' && estimateWidth(`${cut}…`, size) > width) cut = cut.slice(0, -1);
  return `${cut.trimEnd()}…`;
}
