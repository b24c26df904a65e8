import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { build, type Metafile } from 'esbuild';
import { expect, it } from 'vitest';

const root = path.resolve(import.meta.dirname, '../..');
const definitions = (await readdir(path.join(root, 'src/cli/definitions'))).map(
  (file) => `src/cli/definitions/${file}`,
);

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['src/cli/main.ts'],
  bundle: true,
  splitting: true,
  packages: 'external',
  format: 'esm',
  platform: 'node',
  outdir: 'unwritten',
  write: false,
  metafile: true,
  logLevel: 'silent',
});

/** The files that a file loads with it, itself included, and the packages that these load; what is loaded on demand does not count. */
function listLoaded(
  entry: string,
  inputs: Metafile['inputs'] = metafile.inputs,
): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const waiting = [entry];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    for (const { path: imported, kind, external } of inputs[file]?.imports ?? []) {
      if (kind === 'dynamic-import') continue;
      if (external !== true) waiting.push(imported);
      else if (!imported.startsWith('node:')) packages.add(imported);
    }
  }
  return { files, packages };
}

it('knows the version from two files, and no package', () => {
  const { files, packages } = listLoaded('src/cli/main.ts');
  expect([...files].sort()).toEqual(['src/cli/main.ts', 'src/foundation/package-version.ts']);
  expect([...packages]).toEqual([]);
});

it('reads a line with commander and colours, and without what commands do', () => {
  const { files, packages } = listLoaded('src/cli/run-program.ts');
  expect([...packages].sort()).toEqual(['commander', 'picocolors']);
  expect(files.size).toBeLessThan(25);
  for (const file of files) expect(file).toMatch(/^src\/(cli|foundation)\/[^/]+$/);
});

it.each(definitions)('reads %s without a package, and without what commands do', (definition) => {
  const { files, packages } = listLoaded(definition);
  expect(metafile.inputs).toHaveProperty([definition]);
  expect([...packages]).toEqual([]);
  expect(files.size).toBeLessThan(25);
  for (const file of files) expect(file).not.toMatch(/^src\/cli\/commands\//);
});

it('would see a package that is loaded further in', () => {
  expect(listLoaded('src/cli/commands/ask.ts').packages).toContain('zod');
});
