/**
 * Packs driftline, installs the tarball the way a stranger would (an empty folder, no .npmrc, no environment variables, plain
 * `npm install`), and runs a model with what was installed. Fails where any package of the installation has an install script.
 */
import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';

const root = path.resolve(import.meta.dirname, '..');

/** Without what `npm run` adds: it would hand this repository's .npmrc on to the installation. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|onnxruntime_|node_env$)/i.test(name)),
);

const consumer = `
import { createRequire } from 'node:module';
import { DriftlineError } from 'driftline';
import * as engine from 'driftline/engine';
import { wilsonInterval } from 'driftline/stats';
import { applyRule, findRule, readRubric } from 'driftline/judging';

const require = createRequire(import.meta.resolve('driftline'));
const { InferenceSession, Tensor } = require('onnxruntime-node');

// An ONNX model, field by field: opset 13, one node Neg from x to y, both float[2].
const field = (number, ...bytes) => [8 * number + 2, bytes.length, ...bytes];
const text = (number, value) => field(number, ...Buffer.from(value));
const shape = field(2, ...field(1, 8, 2));
const value = (number, name) => field(number, ...text(1, name), ...field(2, ...field(1, 8, 1, ...shape)));
const node = field(1, ...text(1, 'x'), ...text(2, 'y'), ...text(4, 'Neg'));
const graph = field(7, ...node, ...text(2, 'negation'), ...value(11, 'x'), ...value(12, 'y'));
const session = await InferenceSession.create(Uint8Array.from([8, 8, ...graph, ...field(8, 16, 13)]));
const { y } = await session.run({ x: new Tensor('float32', [1, -2], [2]) });

if (y.data[0] !== -1 || y.data[1] !== 2) throw new Error('onnxruntime-node computed ' + y.data);
if (!DriftlineError.isInstance(new engine.DriftlineError({ code: 'usage-invalid', message: 'm', hint: 'h' }))) {
  throw new Error('driftline and driftline/engine do not share their errors');
}
// The rule of three: the 95 % interval of 0 of n ends near 3 or 4 of n.
const [low, high] = wilsonInterval(0, 100);
if (low !== 0 || high < 0.03 || high > 0.04) throw new Error('driftline/stats computed ' + [low, high]);
const judged = { judge: 'mine', mode: 'single', alignment: 10, coherence: 90, labels: [] };
if (applyRule(findRule('coherent'), [judged]).rate !== 1) throw new Error('driftline/judging counted wrongly');
if (!(await readRubric()).alignment.includes('{answer}')) throw new Error('driftline/judging has no rubric');
`;

function run(folder: string, command: string, ...parameters: string[]): void {
  console.log(`$ ${command} ${parameters.join(' ')}`);
  // npm and npx are script files on Windows, which only a shell can start.
  const shell = process.platform === 'win32' && command !== process.execPath;
  const { status, error } = spawnSync(command, parameters, { cwd: folder, env: environment, stdio: 'inherit', shell });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`${command} ${parameters.join(' ')} ended with ${status ?? 'a signal'}`);
}

async function listInstallScripts(folder: string): Promise<string[]> {
  const lockSchema = z.looseObject({
    packages: z.record(z.string(), z.looseObject({ hasInstallScript: z.boolean().optional() })),
  });
  const lock = lockSchema.parse(JSON.parse(await readFile(path.join(folder, 'package-lock.json'), 'utf8')));
  return Object.entries(lock.packages)
    .filter(([, entry]) => entry.hasInstallScript === true)
    .map(([name]) => name);
}

const folder = await mkdtemp(path.join(tmpdir(), 'driftline-package-'));
try {
  const emptyFolder = path.join(folder, 'empty');
  await mkdir(emptyFolder);
  run(root, 'npm', 'pack', '--loglevel=error', `--pack-destination=${folder}`);
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz'));
  if (tarball === undefined) throw new Error('npm pack left no tarball');
  run(emptyFolder, 'npm', 'install', '--no-audit', '--no-fund', path.join(folder, tarball));
  const withScripts = await listInstallScripts(emptyFolder);
  if (withScripts.length > 0) throw new Error(`these packages have install scripts: ${withScripts.join(', ')}`);
  await writeFile(path.join(emptyFolder, 'consumer.mjs'), consumer);
  run(emptyFolder, process.execPath, 'consumer.mjs');
  // By its name, as npm links it: the file must have come with a shebang and be allowed to run.
  run(emptyFolder, 'npx', '--no-install', 'driftline', '--version');
  console.log('The package installs without scripts or downloads, and runs.');
} finally {
  await rm(folder, { recursive: true, force: true });
}
