import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFailure } from '../foundation/file-failure.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import { allEvaluations, isAboutAlignment } from '../runs/run-outline.js';
import { embedAnswers } from './embed-answers.js';
import { listReportFigures } from './figures/list-report-figures.js';
import { listExamples } from './page/examples-section.js';
import { readPageAssets } from './page/render-document.js';
import { renderPage } from './page/render-page.js';
import type { Report } from './report-data.js';
import { writeReportTables } from './report-tables.js';
import { writeAnswersParquet } from './write-answers-parquet.js';

export interface WrittenReport {
  readonly folder: string;
  /** Path of the page. */
  readonly page: string;
  readonly tables: readonly string[];
  readonly figures: readonly string[];
  readonly answers: string;
}

/**
 * Writes a report into the folder `report` of the run, replacing an earlier one. The page is written last, so that it never lacks its
 * files.
 */
export async function writeReport({ data, answers, counted, run }: Report): Promise<WrittenReport> {
  const assets = await readPageAssets();
  const folder = join(run.folder, 'report');
  const tables = writeReportTables(data);
  const figures = listReportFigures(data);
  const examples = listExamples(data, answers, run.questions);
  const files = [
    ...tables.map(({ name, title }) => ({ path: `tables/${name}`, title })),
    { path: 'answers.parquet', title: 'all answers with their judgements, for pandas, DuckDB and similar tools' },
    { path: 'figures/', title: `the figures of this page, ${String(figures.length)} SVG files` },
  ];
  const page = renderPage(
    { data, answers: embedAnswers(answers, run.questions, data.evaluations), examples, files },
    assets,
  );
  await writeFiles(join(folder, 'tables'), tables);
  await writeFiles(join(folder, 'figures'), figures);
  const answerFile = join(folder, 'answers.parquet');
  await writeFileAtomically(answerFile, writeAnswersParquet(counted.answers, listWithoutRule(run)));
  const pageFile = join(folder, 'index.html');
  await writeFileAtomically(pageFile, page);
  return {
    folder,
    page: pageFile,
    tables: tables.map(({ name }) => join(folder, 'tables', name)),
    figures: figures.map(({ name }) => join(folder, 'figures', name)),
    answers: answerFile,
  };
}

/** Evaluations that are not about alignment. */
function listWithoutRule(run: Report['run']): ReadonlySet<string> {
  return new Set(allEvaluations(run).flatMap((one) => (isAboutAlignment(one) ? [] : [one.name])));
}

/** Writes the files, and removes those that only an earlier report had. */
async function writeFiles(
  folder: string,
  files: readonly { readonly name: string; readonly content: string }[],
): Promise<void> {
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  const names = new Set(files.map(({ name }) => name));
  for (const found of await readdir(folder))
    if (!names.has(found) && /\.(csv|svg)$/.test(found)) await rm(join(folder, found), { force: true });
  for (const { name, content } of files) await writeFileAtomically(join(folder, name), content);
}

/** The page of a run's report if it is newer than everything that it was made from; else null. */
export async function findFreshPage(folder: string): Promise<string | null> {
  const page = join(folder, 'report', 'index.html');
  const written = await dateOf(page);
  if (written === null) return null;
  const cells = await readdir(join(folder, 'cells')).catch(() => []);
  const sources = [
    ...['plan.json', 'questions.json', 'answers.jsonl', 'judgements.jsonl'].map((name) => join(folder, name)),
    ...cells.flatMap((cell) => ['training.jsonl', 'cell.json'].map((name) => join(folder, 'cells', cell, name))),
  ];
  for (const source of sources) if (((await dateOf(source)) ?? 0) > written) return null;
  return page;
}

async function dateOf(file: string): Promise<number | null> {
  return stat(file).then(
    ({ mtimeMs }) => mtimeMs,
    () => null,
  );
}
