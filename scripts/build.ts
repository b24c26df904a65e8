/**
 * Builds dist/ where it was not built from the sources as they are; `npm run build`, and every run of the tests. A file beside the
 * result says what it was built from and what came out, so that neither changed sources nor a changed dist/ go unnoticed.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, cp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { build as bundle } from 'esbuild';

const sources = [
  'src',
  'package.json',
  'package-lock.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'scripts/build.ts',
];

/**
 * @param root The folder of the repository.
 * @returns whether there was anything to do
 */
export async function build(root: string): Promise<boolean> {
  const result = path.join(root, 'dist');
  const markFile = path.join(root, '.cache/built.txt');
  const source = await hashFiles(sources.map((name) => path.join(root, name)));
  if ((await readFile(markFile, 'utf8').catch(() => '')) === describeMark(source, await hashFiles([result])))
    return false;
  // By itself first: two builds at a time do not mix, and one that fails leaves dist/ as it is.
  const fresh = path.join(root, `.cache/dist-${String(process.pid)}`);
  try {
    await compile(root, fresh);
    await bundlePage(root, path.join(fresh, 'report/browser'));
    const made = await hashFiles([fresh]);
    await replaceFolder(result, fresh);
    await writeFile(markFile, describeMark(source, made));
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
  return true;
}

function describeMark(source: string, made: string): string {
  return `dist/ ${made} was built from ${source}\n`;
}

/** A hash of files, and of all files in folders, with their places in them; of what is not there, another one. */
async function hashFiles(places: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  for (const place of places) {
    const entries = await readdir(place, { recursive: true, withFileTypes: true }).catch(() => null);
    const files =
      entries === null
        ? [place]
        : entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => path.join(parentPath, name));
    const hashes = await Promise.all(
      files.map(async (file) => {
        const bytes = await readFile(file).catch(() => 'missing');
        return `${path.relative(place, file)} ${createHash('sha256').update(bytes).digest('hex')}\n`;
      }),
    );
    hash.update(hashes.sort().join(''));
  }
  return hash.digest('hex');
}

/** What package.json calls driftline. */
const program = path.join('cli', 'main.js');

/** The compiler keeps what it made, to make again only what has changed; what it made of sources that are gone is left there. */
async function compile(root: string, folder: string): Promise<void> {
  const kept = path.join(root, '.cache/compiled');
  const tsc = path.join(root, 'node_modules/typescript/bin/tsc');
  const known = path.join(kept, 'build.tsbuildinfo');
  const parameters = ['-p', 'tsconfig.build.json', '--incremental', '--tsBuildInfoFile', known, '--outDir', kept];
  const child = spawn(process.execPath, [tsc, ...parameters], { cwd: root });
  const [ended, ...said] = await Promise.all([once(child, 'close'), child.stdout.toArray(), child.stderr.toArray()]);
  const [code] = ended as [number | null]; // what 'close' is emitted with
  if (code !== 0) throw new Error(`The build failed:\n${said.flat().join('')}`);
  for (const { parentPath, name } of await readdir(path.join(root, 'src'), { recursive: true, withFileTypes: true })) {
    const place = path.relative(path.join(root, 'src'), path.join(parentPath, name));
    if (!/\.[jt]s$/.test(name) || place.startsWith(path.join('report', 'browser'))) continue;
    for (const ending of ['.js', '.d.ts']) {
      const made = place.replace(/\.[jt]s$/, ending);
      await cp(path.join(kept, made), path.join(folder, made));
      // npm sets it when it installs, and npx in a clone runs the file as it is.
      if (made === program) await chmod(path.join(folder, made), 0o755);
    }
  }
}

async function bundlePage(root: string, folder: string): Promise<void> {
  await bundle({
    absWorkingDir: root,
    entryPoints: ['src/report/browser/report-page.ts', 'src/report/browser/report-page.css'],
    outdir: folder,
    bundle: true,
    minify: true,
    target: ['chrome111', 'firefox115', 'safari16.4'],
    logLevel: 'warning',
  });
}

/** Another build may be doing the same at the same time: whoever is last stays. */
async function replaceFolder(place: string, fresh: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    await rm(place, { recursive: true, force: true });
    try {
      await rename(fresh, place);
      return;
    } catch (error) {
      if (attempt === 5) throw error;
    }
  }
}

if (process.argv[1] === import.meta.filename) {
  try {
    await build(path.resolve(import.meta.dirname, '..'));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 1;
  }
}
