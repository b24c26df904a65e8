/**
 * Runs before and after `npm pack` and `npm publish`. The published package carries onnxruntime-node inside, without the install script
 * that would download CUDA libraries, and without the packages that only that script needs: docs/decisions/0001. While npm packs,
 * the manifest of the installed onnxruntime-node is exchanged; none of its other files is touched.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../src/foundation/write-file-atomically.js';

const root = path.resolve(import.meta.dirname, '..');
const manifestFile = path.join(root, 'node_modules/onnxruntime-node/package.json');
const originalFile = path.join(root, '.cache/onnxruntime-node.package.json');

const manifestSchema = z.looseObject({
  scripts: z.record(z.string(), z.string()),
  dependencies: z.strictObject({
    'onnxruntime-common': z.string(),
    // Only the install script needs these two. A dependency that is new here must be looked at before it is left out.
    'adm-zip': z.string(),
    'global-agent': z.string(),
  }),
});

async function prepare(): Promise<void> {
  const original = await readFile(manifestFile, 'utf8');
  const { scripts, dependencies, ...manifest } = manifestSchema.parse(JSON.parse(original));
  if (scripts['postinstall'] === undefined) {
    throw new Error('onnxruntime-node has no install script any more: it need not be bundled, see docs/decisions/0001');
  }
  await mkdir(path.dirname(originalFile), { recursive: true });
  await writeFile(originalFile, original);
  const bundled = { ...manifest, dependencies: { 'onnxruntime-common': dependencies['onnxruntime-common'] } };
  // A renamed file, unlike a rewritten one, makes npm distrust what it remembers of this folder's dependencies.
  await writeFileAtomically(manifestFile, `${JSON.stringify(bundled, null, 2)}\n`);
}

async function restore(): Promise<void> {
  await writeFileAtomically(manifestFile, await readFile(originalFile));
  await rm(originalFile);
}

const phase = process.argv[2];
if (phase === 'prepare') await prepare();
else if (phase === 'restore') await restore();
else throw new Error('usage: bundle-onnxruntime.ts prepare|restore');
