import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Children of a process, by its id. None where it is not Linux. */
export async function listChildren(parent: number): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc').catch(() => [])) {
    const text = await readFile(join('/proc', name, 'stat'), 'utf8').catch(() => '');
    const [, id = '', parentId = ''] = /^(\d+) \(.*\) \S (\d+) /.exec(text) ?? [];
    if (Number(parentId) === parent) found.push(Number(id));
  }
  return found;
}
