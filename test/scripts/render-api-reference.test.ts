import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { renderApiReference } from '../../scripts/render-api-reference.js';
import * as driftline from '../../src/index.js';
import * as engine from '../../src/engine/index.js';
import * as judging from '../../src/judging/index.js';
import * as stats from '../../src/stats/index.js';

const page = await readFile(new URL('../../docs/api.md', import.meta.url), 'utf8');

it('the page on the library is what the source says (npm run docs:api writes it)', async () => {
  expect(await renderApiReference()).toBe(page);
});

it('every function and constant has its place there, and every link leads somewhere', () => {
  for (const name of [driftline, engine, judging, stats].flatMap((entrance) => Object.keys(entrance)))
    expect(page).toContain(`\n### ${name}\n`);
  const anchors = new Set<string>();
  for (const [, heading = ''] of page.matchAll(/^#+ (.+)$/gm)) {
    const slug = heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-');
    const taken = [...anchors].filter((one) => one.replace(/-\d+$/, '') === slug).length;
    anchors.add(taken === 0 ? slug : `${slug}-${String(taken)}`);
  }
  for (const [, anchor = ''] of page.matchAll(/\]\(#([^)]+)\)/g)) expect(anchors).toContain(anchor);
});
