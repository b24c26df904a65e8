import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { tinyPlan } from '../experiment/tiny-plan.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

const counting = new URL('count-reads.js', import.meta.url).href;
const driftline = pathToFileURL(fileURLToPath(new URL('../../dist/index.js', import.meta.url))).href;

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
  await mkdir(folder, { recursive: true });
  await writeFile(file, program.join('\n'));
  const { stdout, stderr } = await promisify(execFile)(process.execPath, ['--import', counting, file]);
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
