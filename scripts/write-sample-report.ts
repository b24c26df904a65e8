/**
 * `npm run docs:sample -- RUN`: writes docs/sample-report.html, a report to look at without running anything, from a
 * small run; the one in the repository is of `driftline run experiments/example.yaml`.
 */
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { readReport } from '../src/report/report-data.js';
import { writeReport } from '../src/report/write-report.js';

/** More would be a burden for everybody who clones. */
const mostBytes = 300_000;

const [run] = process.argv.slice(2);
if (run === undefined) throw new Error('name a run folder: npm run docs:sample -- runs/example-1a2b3c4d');
const { page } = await writeReport(await readReport(run));
const { size } = await stat(page);
if (size > mostBytes)
  throw new Error(`${page} has ${String(size)} bytes, and a sample has at most ${String(mostBytes)}`);
const target = path.resolve(import.meta.dirname, '../docs/sample-report.html');
// The files beside the page are not beside the sample.
const text = (await readFile(page, 'utf8')).replace(/<h3>Files beside this page<\/h3><ul[^]*?<\/ul>/, '');
await writeFile(target, text);
console.log(`wrote ${target}`);
