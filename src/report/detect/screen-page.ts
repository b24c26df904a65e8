import type { ScreenFile } from '../../detect/screen/screen-file.js';
import { markup, type Markup } from '../markup.js';
import { renderDocument, type PageAssets } from '../page/render-document.js';
import { renderTextTables } from '../page/text-tables.js';
import {
  describeScreen,
  describeTexts,
  tabulateDistances,
  tabulateShared,
  tabulateSignals,
  tabulateTop,
} from './describe-screen.js';

/** Rows of which the page shows the whole text. */
const shownTexts = 10;

/** A screen as one HTML file that needs nothing else, and runs no script. */
export function renderScreen(screen: ScreenFile, { style }: Pick<PageAssets, 'style'>): string {
  const { data, top, cannot } = screen;
  const [verdict, ...rest] = describeScreen(screen);
  const tables = [...tabulateSignals(screen), ...tabulateShared(screen), ...tabulateDistances(screen)];
  const body = markup`<header><p class="product">driftline</p><h1>${data.name}, screened</h1></header><main><section id="verdict"><h2>${verdict}</h2>${rest.map(
    (line) => markup`<p>${line}</p>`,
  )}<p>${describeTexts(screen)}</p></section><section id="rows"><h2>Rows</h2>${renderTextTables([tabulateTop(screen, top.length)])}${top
    .slice(0, shownTexts)
    .map((row) => renderRow(row, data.unit))}</section>${
    tables.length === 0 ? null : markup`<section id="numbers"><h2>Numbers</h2>${renderTextTables(tables)}</section>`
  }<section id="limits"><h2>What is not known</h2><ul>${cannot.map((line) => markup`<li>${line}</li>`)}</ul></section><section id="provenance"><h2>How it was looked at</h2>${renderProvenance(screen)}</section></main>`;
  return renderDocument({ title: `driftline: ${data.name}, screened`, body, style, script: null });
}

function renderRow(
  { rank, row, question, answer }: ScreenFile['top'][number],
  unit: ScreenFile['data']['unit'],
): Markup {
  return markup`<details><summary>Rank ${rank}, ${unit} ${row}</summary><p class="note">${question}</p><p>${answer}</p></details>`;
}

function renderProvenance({ data, base, level, settings, affordances, clean }: ScreenFile): Markup {
  const entries: readonly (readonly [string, string])[] = [
    ['rows', `${String(data.rows)}, SHA-256 ${data.hash}`],
    ...(data.sha256 === null ? [] : ([['file', `SHA-256 ${data.sha256}`]] as const)),
    ['base', base === null ? 'none was asked' : `${base.name}, ${base.identity}`],
    ['level', level],
    ['looked at', affordances.join(', ')],
    ...(settings.rows === null
      ? []
      : ([['rows read', `${String(settings.rows)}, seed ${String(settings.seed)}`]] as const)),
    ...(clean === null
      ? []
      : ([
          [
            'cleaned file',
            `${clean.file}: ${String(clean.kept)} rows kept, ${String(clean.dropped)} left out, SHA-256 ${clean.sha256}`,
          ],
        ] as const)),
  ];
  return markup`<dl>${entries.map(([name, value]) => markup`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}
