import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The page of a run's report, if it was written after everything that it was made from; null if not, or if there is none. */
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
