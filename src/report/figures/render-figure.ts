import { Markup, markup } from '../markup.js';
import type { Figure } from './figure.js';
import { figureColors } from './figure-colors.js';

/** A figure as part of a page, whose style sheet colours it. */
export function renderFigure({ title, description, width, height, body }: Figure): Markup {
  return markup`<svg class="figure" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="group" aria-label="${title}. ${description}">${body}</svg>`;
}

/** A figure as a file, with colours of its own on white. */
export function renderFigureFile({ title, description, width, height, body }: Figure): string {
  const margin = 16;
  const head = 34;
  const file = markup`<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-margin} ${-head} ${width + 2 * margin} ${height + head + margin}" width="${width + 2 * margin}" height="${height + head + margin}" role="img"><title>${title}</title><desc>${description}</desc><style>${new Markup(styleOfFile)}</style><rect class="paper" x="${-margin}" y="${-head}" width="${width + 2 * margin}" height="${height + head + margin}"/><text class="heading" x="0" y="-14">${title}</text>${body}</svg>`;
  return `${file.text}\n`;
}

const styleOfFile = [
  'text{font:13px system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#1a1a1a}',
  '.heading{font-size:15px;font-weight:600}',
  '.paper{fill:#fff}.hit{fill:transparent}',
  '.tick,.note{font-size:11.5px;fill:#555}.small{font-size:12px}.value{font-variant-numeric:tabular-nums}',
  '.grid{fill:none;stroke:#e4e4e4}.axis{stroke:#555}',
  '.interval{stroke:#1a1a1a;stroke-width:1.6;fill:none}',
  '.dot{fill:#fff;stroke:#1a1a1a}',
  `.fill-misaligned{fill:${figureColors.misaligned}}.fill-plain{fill:${figureColors.plain}}.fill-base{fill:${figureColors.base}}`,
  `.bubble circle{fill-opacity:.75;stroke:#fff;stroke-width:.5}`,
  '.region-misaligned{fill:#d55e00;fill-opacity:.09}.region-incoherent{fill:#777;fill-opacity:.1}',
  ...figureColors.lines.map(
    (color, index) =>
      `.stroke-${String(index + 1)}{stroke:${color};stroke-width:2;fill:none}.color-${String(index + 1)}{fill:${color}}.band-${String(index + 1)}{fill:${color};fill-opacity:.16}`,
  ),
  '.leader{stroke-width:1}',
].join('');
