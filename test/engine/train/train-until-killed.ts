import { writeSync } from 'node:fs';

import { killedRun } from './killed-run.js';
import { trainTiny } from './train-tiny.js';

/**
 * The process that kill.test.ts kills: `train-until-killed.ts FOLDER LINES` trains in the folder and prints a line a step. After
 * LINES of them it stands still, so that it cannot be done before it is killed, however slow the machine.
 */
const [folder, lines] = process.argv.slice(2);
if (folder === undefined || lines === undefined) throw new Error('usage: train-until-killed.ts FOLDER LINES');

let printed = 0;
await trainTiny(folder, {
  ...killedRun,
  onStep: ({ step }) => {
    writeSync(1, `${step}\n`);
    printed += 1;
    if (printed === Number(lines)) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
});
