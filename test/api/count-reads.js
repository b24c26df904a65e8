// Loaded before a program (node --import): when it ends, it says how often the program opened each file of a run to read it.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';

/** @type {Record<string, number>} */
const reads = {};

/** @param {unknown} file @param {unknown} flags */
function count(file, flags) {
  if (
    typeof file !== 'string' ||
    !file.endsWith('.jsonl') ||
    (flags !== undefined && flags !== 'r' && flags !== fs.constants.O_RDONLY)
  )
    return;
  const name = path.basename(file);
  reads[name] = (reads[name] ?? 0) + 1;
}

/**
 * @param {any} holder
 * @param {string} name
 * @param {(options: any) => unknown} flagsOf
 */
function watch(holder, name, flagsOf) {
  const original = holder[name];
  holder[name] = (/** @type {any[]} */ ...given) => {
    count(given[0], flagsOf(given[1]));
    return original.apply(holder, given);
  };
}

/** @param {any} given */
const ofOpen = (given) => (typeof given === 'function' ? undefined : given);
// Streams that read come to `open`, too.
for (const name of ['open', 'openSync']) watch(fs, name, ofOpen);
watch(fs.promises, 'open', ofOpen);
for (const holder of [fs, fs.promises]) watch(holder, 'readFile', () => undefined);
watch(fs, 'readFileSync', () => undefined);
syncBuiltinESMExports();

process.on('exit', () => fs.writeSync(2, `\nreads: ${JSON.stringify(reads)}\n`));
