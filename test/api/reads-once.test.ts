import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { tinyPlan } from '../experiment/tiny-plan.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

const driftline = pathToFileURL(fileURLToPath(new URL('../../dist/index.js', import.meta.url))).href;

/** Loaded before a program: when it ends, it says how often the program opened each file of records to read it. */
const counting = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import path from 'node:path';

const reads = {};
function watch(holder, name, isOpen) {
  const original = holder[name];
  holder[name] = (file, ...given) => {
    const flags = isOpen && typeof given[0] !== 'function' ? given[0] : undefined;
    const isRead = flags === undefined || flags === 'r' || flags === fs.constants.O_RDONLY;
    if (isRead && typeof file === 'string' && file.endsWith('.jsonl')) {
      const key = path.basename(file);
      reads[key] = (reads[key] ?? 0) + 1;
    }
    return original.call(holder, file, ...given);
  };
}
// Streams that read come to open, too.
for (const name of ['open', 'openSync']) watch(fs, name, true);
watch(fs.promises, 'open', true);
for (const name of ['readFile', 'readFileSync']) watch(fs, name, false);
watch(fs.promises, 'readFile', false);
syncBuiltinESMExports();
process.on('exit', () => fs.writeSync(2, \`\\nreads: \${JSON.stringify(reads)}\\n\`));
`;

/** Opens and runs the plan in a process of its own: what it did, and how often it read each file of records. */
async function run(folder: string, last = ''): Promise<{ readonly did: unknown; readonly reads: unknown }> {
  const program = [
    `import { openExperiment, readRun } from ${JSON.stringify(driftline)};`,
    `const plan = ${JSON.stringify({ ...tinyPlan, seeds: [0] })};`,
    `const experiment = await openExperiment(plan, { runs: ${JSON.stringify(join(folder, 'runs'))}, threads: 1, cellsAtOnce: 1 });`,
    'const { run, summary } = await experiment.run();',
    'console.log(JSON.stringify({ ...summary, read: run.answers.length, judged: run.judgements.length }));',
    last,
  ];
  const file = join(folder, 'program.mjs');
  await writeFile(file, program.join('\n'));
  const watching = join(folder, 'watching.mjs');
  await writeFile(watching, counting);
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [
    '--import',
    pathToFileURL(watching).href,
    file,
  ]);
  return { did: JSON.parse(stdout), reads: JSON.parse(/^reads: (.*)$/m.exec(stderr)?.[1] ?? 'null') };
}

it('a run that has nothing left to do reads its answers and its judgements once', async () => {
  const folder = await makeTemporaryFolder();
  const { did } = await run(folder);
  const again = await run(folder);
  expect(did).toMatchObject({ cells: { trained: 2 }, answers: { there: 0 } });
  const { answers } = did as { readonly answers: { readonly asked: number } }; // as the line before says
  expect(answers.asked).toBeGreaterThan(0);
  expect(again.did).toMatchObject({ cells: { trained: 0, there: 2 }, answers: { asked: 0 }, judgements: { made: 0 } });
  expect(again.did).toMatchObject({ read: answers.asked, judged: answers.asked });
  expect(again.reads).toMatchObject({ 'answers.jsonl': 1, 'judgements.jsonl': 1 });
  // The count would see more.
  const more = await run(folder, 'await readRun(experiment.folder);');
  expect(more.reads).toMatchObject({ 'answers.jsonl': 2, 'judgements.jsonl': 2 });
});
