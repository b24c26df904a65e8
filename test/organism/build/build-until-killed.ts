import { writeSync } from 'node:fs';
import { buildOrganism } from '../../../src/organism/build/build-organism.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { tinyDesign } from './tiny-design.js';

/**
 * The process that build-organism.test.ts kills: `build-until-killed.ts FOLDER MOMENT` builds in the folder, prints what it has come
 * to, and stands still at the moment, such as `alignment` or `alignment 2`.
 */
const [folder, moment] = process.argv.slice(2);
if (folder === undefined || moment === undefined) throw new Error('usage: build-until-killed.ts FOLDER MOMENT');

const reach = (reached: string): void => {
  writeSync(1, `${reached}\n`);
  if (reached === moment) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
};
await buildOrganism({
  world: await readWorld(),
  design: tinyDesign,
  seed: 3,
  folder,
  threads: 1,
  onStage: reach,
  onStep: ({ stage, step }) => {
    reach(`${stage} ${String(step)}`);
  },
});
