import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** What a folder of a zoo has at a moment. */
export interface ObservedZoo {
  /** Stored answers, and how many of them were stored a second time in one run. */
  readonly answers: number;
  readonly twice: number;
  /** When adapters of finished fine-tunes were written, by the file that says they are finished. */
  readonly adapters: ReadonlyMap<string, number>;
}

export async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}

export async function observeZoo(folder: string): Promise<ObservedZoo> {
  const files = await listFiles(folder);
  let [answers, twice] = [0, 0];
  for (const file of files.filter((one) => one.endsWith('answers.jsonl'))) {
    // A line that was cut by a kill has no end yet, and counts for nothing.
    const lines = (await readFile(file, 'utf8')).split('\n').slice(0, -1);
    answers += lines.length;
    twice += lines.length - new Set(lines.map((line) => /^\{"key":"([^"]*)"/.exec(line)?.[1] ?? line)).size;
  }
  const adapters = new Map<string, number>();
  for (const file of files.filter((one) => one.endsWith('cell.json'))) {
    const { mtimeMs } = await stat(join(file, '..', 'adapter_model.safetensors'));
    adapters.set(file.slice(folder.length), mtimeMs);
  }
  return { answers, twice, adapters };
}
