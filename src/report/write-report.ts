import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { measureSuite } from '../analysis/headline-measures.js';
import { writeFailure } from '../foundation/file-failure.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import { chooseExamples } from './choose-examples.js';
import { embedAnswers } from './embed-answers.js';
import { listReportFigures } from './list-report-figures.js';
import { readPageAssets } from './page-assets.js';
import { renderPage } from './page/render-page.js';
import type { Report } from './read-report.js';
import type { MeasureRow, ReportData } from './report-data.js';
import { writeReportTables } from './report-tables.js';
import { describeWay, findMain, listHidden, showsMisalignment } from './verdict.js';
import { writeAnswersParquet } from './write-answers-parquet.js';

export interface WrittenReport {
  readonly folder: string;
  /** The page. */
  readonly page: string;
  readonly tables: readonly string[];
  readonly figures: readonly string[];
  readonly answers: string;
}

/** Conditions of which examples are shown. */
const mostExamples = 4;

/** Writes a report into the folder `report` of the run, in place of what is there. The page comes last: where it is, all of it is. */
export async function writeReport({ data, answers, content }: Report): Promise<WrittenReport> {
  const assets = await readPageAssets();
  const folder = join(content.run.folder, 'report');
  const tables = writeReportTables(data);
  const figures = listReportFigures(data);
  const examples = listExampleRows(data)
    .slice(0, mostExamples)
    .map(({ row, way }) => ({ row, way, answers: chooseExamples(row, answers, content.questions) }));
  const files = [
    ...tables.map(({ name, title }) => ({ path: `tables/${name}`, title })),
    { path: 'answers.parquet', title: 'all answers with their judgements, for pandas, DuckDB and their kind' },
    { path: 'figures/', title: `the figures of this page, ${String(figures.length)} SVG files` },
  ];
  const page = renderPage(
    { data, answers: embedAnswers(answers, content.questions, data.evaluations), examples, files },
    assets,
  );
  await writeFiles(join(folder, 'tables'), tables);
  await writeFiles(join(folder, 'figures'), figures);
  const answerFile = join(folder, 'answers.parquet');
  await writeFileAtomically(answerFile, writeAnswersParquet(answers, listWithoutRule(content)));
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
function listWithoutRule({ run }: Report['content']): ReadonlySet<string> {
  const evaluations = [...run.evaluations, ...(run.dynamics === null ? [] : [run.dynamics.evaluation])];
  return new Set(
    evaluations
      .filter((evaluation) => measureSuite(evaluation).every(({ outcome }) => outcome.kind === 'label'))
      .map(({ name }) => name),
  );
}

/** The misaligned rows of the verdict, in its order. */
function listExampleRows(data: ReportData): { readonly row: MeasureRow; readonly way: string | null }[] {
  const main = findMain(data)?.name;
  return data.bases.flatMap(({ name }) => [
    ...data.rows
      .filter((row) => row.base === name && row.evaluation === main && row.outcome.kind === 'misaligned')
      .filter(showsMisalignment)
      .sort((one, other) => (other.share.share ?? 0) - (one.share.share ?? 0))
      .map((row) => ({ row, way: null })),
    ...listHidden(data, name).map(({ row }) => ({ row, way: describeWay(data, row.evaluation) })),
  ]);
}

/** Writes the files, and removes what an earlier report left there that this one does not have. */
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
