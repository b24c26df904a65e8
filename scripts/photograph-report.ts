/** `npm run docs:report -- RUN`: writes the pictures of docs/report.md and of the README from the report of a run. Needs a Chromium. */
import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { readReport } from '../src/report/report-data.js';
import { writeReport } from '../src/report/write-report.js';
import { findChromium, launchBrowser } from '../test/report/browser/launch-browser.js';

const [run] = process.argv.slice(2);
const executable = findChromium();
if (run === undefined) throw new Error('name a run folder: npm run docs:report -- runs/paper-1a2b3c4d');
if (executable === null) throw new Error('no Chromium was found on the PATH; DRIFTLINE_CHROMIUM names one');

const folder = path.resolve(import.meta.dirname, '../docs/pictures');
await mkdir(folder, { recursive: true });
const report = await readReport(run);
const { page, figures } = await writeReport(report);
const overview = figures.find((file) => path.basename(file).startsWith('misaligned-'));
if (overview !== undefined) await copyFile(overview, path.join(folder, 'misaligned.svg'));

const pictures = [
  { name: 'report-desktop.png', width: 1280, height: 1000, colorScheme: 'light', fragment: '' },
  {
    name: 'report-answers.png',
    width: 1280,
    height: 860,
    colorScheme: 'light',
    fragment: '#answers?outcome=misaligned',
  },
  { name: 'report-dark.png', width: 1280, height: 1000, colorScheme: 'dark', fragment: '' },
  { name: 'report-phone.png', width: 390, height: 844, colorScheme: 'light', fragment: '' },
] as const;
const browser = await launchBrowser(executable);
try {
  for (const { name, width, height, colorScheme, fragment } of pictures) {
    const tab = await browser.newPage({ viewport: { width, height }, colorScheme });
    await tab.goto(pathToFileURL(page).href + fragment);
    await tab.locator('#answer-browser').waitFor();
    if (fragment !== '') await tab.locator('.list-row').first().click();
    await tab.screenshot({ path: path.join(folder, name) });
    await tab.close();
    console.log(`wrote ${path.join(folder, name)}`);
  }
} finally {
  await browser.close();
}
