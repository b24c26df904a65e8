/**
 * Runs the unit tests on Node 24, whatever Node runs this script. Node comes from the npm registry into .cache/, outside package.json
 * and its lockfile, since it is 190 MB that nobody else needs. Arguments go to vitest.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');
const folder = path.join(root, '.cache/node24');
const windows = process.platform === 'win32';
// The registry's package `node` only chooses among these, in an install script.
const packageName = `node-${windows ? 'win' : process.platform}-${process.arch}`;
const executable = path.join(folder, 'node_modules', packageName, 'bin', windows ? 'node.exe' : 'node');

function run(command: string, parameters: readonly string[], shell = false): void {
  const { status, error } = spawnSync(command, parameters, { cwd: root, stdio: 'inherit', shell });
  if (error !== undefined) throw error;
  if (status !== 0) process.exit(status ?? 1);
}

mkdirSync(folder, { recursive: true });
writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n');
run('npm', ['install', '--no-audit', '--no-fund', '--prefix', folder, `${packageName}@24`], windows);
run(executable, ['--version']);
run(executable, [path.join(root, 'node_modules/vitest/vitest.mjs'), 'run', ...process.argv.slice(2)]);
