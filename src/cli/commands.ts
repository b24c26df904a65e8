import type { Command } from './command.js';
import { ask } from './commands/ask.js';
import { compare } from './commands/compare.js';
import { dataCheck } from './commands/data-check.js';
import { dataWrite } from './commands/data-write.js';
import { init } from './commands/init.js';
import { open } from './commands/open.js';
import { organismBuild } from './commands/organism-build.js';
import { organismCheck } from './commands/organism-check.js';
import { organismList } from './commands/organism-list.js';
import { plan } from './commands/plan.js';
import { power } from './commands/power.js';
import { rejudge } from './commands/rejudge.js';
import { report } from './commands/report.js';
import { run } from './commands/run.js';
import { score } from './commands/score.js';
import { serve } from './commands/serve.js';

/** Every command, in the order of help. */
export const commands: readonly Command[] = [
  init,
  plan,
  run,
  report,
  open,
  compare,
  rejudge,
  score,
  power,
  ask,
  serve,
  dataCheck,
  dataWrite,
  organismList,
  organismBuild,
  organismCheck,
];

/** What the first word of commands of two words is about. */
export const commandGroups: Readonly<Record<string, string>> = {
  data: 'Training files',
  organism: 'The tiny world and its models',
};
