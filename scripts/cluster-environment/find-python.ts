import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Versions of Python that will do: from the first to before the second. */
export interface PythonRange {
  readonly from: number;
  readonly before: number;
}

/** The interpreter of a Python 3 whose minor version lies in a range, by its own path; null where none is found. */
export async function findPython(
  { from, before }: PythonRange,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<string | null> {
  const minors = Array.from({ length: before - from }, (_, place) => from + place);
  // Those of pyenv lie apart from PATH, where only one of them answers.
  const versions = join(environment['PYENV_ROOT'] ?? join(environment['HOME'] ?? '/', '.pyenv'), 'versions');
  const installed = (await readdir(versions).catch(() => [])).sort();
  const candidates = [
    'python3',
    ...minors.map((minor) => `python3.${String(minor)}`),
    ...installed.map((name) => join(versions, name, 'bin/python3')),
  ];
  const program = 'import sys, venv; print(sys.version_info[0], sys.version_info[1], sys.executable)';
  for (const candidate of candidates) {
    const told = await promisify(execFile)(candidate, ['-c', program]).catch(() => null);
    const [, major, minor, path] = /^(\d+) (\d+) (.+)$/m.exec(told?.stdout ?? '') ?? [];
    if (path !== undefined && major === '3' && minors.includes(Number(minor))) return path;
  }
  return null;
}
