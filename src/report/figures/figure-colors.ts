/** Colours that people with any kind of colour vision can tell apart: Okabe and Ito 2008, "Color Universal Design". */
export const figureColors = {
  misaligned: '#d55e00',
  plain: '#56a0d3',
  base: '#9a9a9a',
  /** Of lines, in order. */
  lines: ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#7a7a7a', '#8a7a00'],
} as const;

/** Colour of the line number `index`, from 0, as figures count: from 1, and round again where there are more lines than colours. */
export function lineColor(index: number): number {
  return (index % figureColors.lines.length) + 1;
}
