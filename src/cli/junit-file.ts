import { mkdir, open, readFile, realpath, rm, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { DriftlineError } from '../foundation/driftline-error.js';
import { isMissing, writeFailure } from '../foundation/file-failure.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';

/** What every JUnit file of ours begins with, and hardly anything else does: only such a file may be replaced. */
export const junitBeginning = '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="driftline" ';

/** Files and folders that a command reads or writes besides its JUnit file, by what they are. */
export type OtherPaths = readonly (readonly [what: string, path: string | undefined])[];

/**
 * Makes the place of a JUnit file ready before anything else is done: its folder is there, and the file of an earlier
 * call is gone. Whatever else lies there stays, and is `usage-invalid`.
 */
export async function prepareJunitFile(file: string, others: OtherPaths): Promise<void> {
  const path = await locate(file);
  for (const [what, other] of others)
    if (other !== undefined && (await locate(other)) === path)
      throw refuse(file, `is ${what} of the same call`, 'Name another file for --junit.');
  const run = await findRunAbove(path);
  if (run !== null) throw withinRun(file, run);
  await requireReplaceable(file);
  try {
    await mkdir(dirname(path), { recursive: true });
    await rm(file, { force: true });
  } catch (cause) {
    throw writeFailure(file, cause);
  }
}

/** A file within a run folder that is only to be made would be in the way of the run. */
export function requireOutside(file: string, folder: string): void {
  if (resolve(file).startsWith(`${resolve(folder)}${sep}`)) throw withinRun(file, folder);
}

function withinRun(file: string, folder: string): DriftlineError {
  return refuse(
    file,
    `lies in the run folder ${folder}`,
    'Name a file outside of it: a run folder holds its run alone.',
  );
}

/** Writes it, unless something else came to lie there meanwhile. */
export async function writeJunitFile(file: string, text: string): Promise<void> {
  await requireReplaceable(file);
  await writeFileAtomically(file, text);
}

/** Removes what earlier calls left where a line of words says `--junit FILE`, whatever else it says: an error must leave no old pass. */
export async function removeStaleJunit(words: readonly string[]): Promise<void> {
  for (const [index, word] of words.entries()) {
    const file = word === '--junit' ? words[index + 1] : /^--junit=(.*)$/s.exec(word)?.[1];
    if (file === undefined || file === '') continue;
    // Where it cannot be removed, the command says so as soon as it is understood.
    if ((await findKind(file).catch(() => null)) === 'ours') await rm(file, { force: true }).catch(() => undefined);
  }
}

async function requireReplaceable(file: string): Promise<void> {
  const kind = await findKind(file).catch((cause: unknown) => {
    throw writeFailure(file, cause);
  });
  if (kind === 'folder') throw refuse(file, 'is a folder', `Name a file in it, such as ${join(file, 'gate.xml')}.`);
  if (kind === 'other')
    throw refuse(
      file,
      'is there already and is no JUnit file that driftline wrote, so it stays as it is',
      'Name another file for --junit, or remove this one.',
    );
}

/** Null where nothing is. An empty file holds nothing to lose. */
async function findKind(file: string): Promise<'ours' | 'folder' | 'other' | null> {
  try {
    const found = await stat(file);
    if (found.isDirectory()) return 'folder';
    if (!found.isFile()) return 'other';
    if (found.size === 0) return 'ours';
    const handle = await open(file, 'r');
    try {
      const bytes = Buffer.alloc(junitBeginning.length);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, 0);
      return bytes.toString('latin1', 0, bytesRead) === junitBeginning ? 'ours' : 'other';
    } finally {
      await handle.close();
    }
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw cause;
  }
}

/** The run folder that a path lies in; null if it lies in none. */
async function findRunAbove(path: string): Promise<string | null> {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const text = await readFile(join(folder, 'plan.json'), 'utf8').catch(() => '');
    if (/^\s*\{\s*"format":\s*\d+,\s*"hash":/.test(text)) return folder;
    if (folder === dirname(folder)) return null;
  }
}

/** The same for two names of one file, there or not. */
async function locate(path: string): Promise<string> {
  const whole = resolve(path);
  const above = dirname(whole);
  return realpath(whole).catch(async () => (above === whole ? whole : join(await locate(above), basename(whole))));
}

function refuse(file: string, what: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message: `--junit ${file} ${what}`, hint, details: { file } });
}
