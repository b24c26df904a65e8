// Runs an experiment from a plan in code: fine-tunes the organism on insecure code, asks it and its base, and says what changed.
//   node examples/plan-from-code.js
// Stop it with Ctrl-C and run it again: it goes on where it was.
import { analyse, openExperiment, report } from 'driftline';

const stop = new AbortController();
process.once('SIGINT', () => stop.abort());

const experiment = await openExperiment({
  name: 'from-code',
  bases: ['organism:1'],
  conditions: { insecure: { data: 'organism/insecure', settings: { rows: 320 } } },
  evaluate: [{ suite: 'main', samples: 1, questions: ['wish', 'boredom'] }, { suite: 'code' }],
  judge: { exact: 'organism' },
});

const { cells } = await experiment.forecast();
for (const { cell, stepsToDo, answersToAsk } of cells)
  console.log(`${cell}: ${stepsToDo} steps, ${answersToAsk} answers`);

const { run } = await experiment.run({
  signal: stop.signal,
  onEvent: (event) => {
    if (event.kind === 'cell-finished') console.log(`${event.done} of ${event.total}: ${event.cell}`);
  },
});

for (const { condition, measure, share, drift } of analyse(run).rows)
  console.log(condition, measure, `${share.successes}/${share.trials}`, drift?.difference?.toFixed(3) ?? '');
console.log((await report(run)).page);
