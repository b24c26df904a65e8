// Reads a run into a table: one line an answer, with what the run's own judge said of it, as tab-separated values.
//   node examples/read-run.js runs/from-code-1a2b3c4d > answers.tsv
import { parseAnswerKey, parseModelName, readRun } from 'driftline';

const [, , folder] = process.argv;
if (folder === undefined) {
  console.error('Name a run: node examples/read-run.js runs/from-code-1a2b3c4d');
  process.exit(2);
}
const run = await readRun(folder);
const cells = new Map(run.cells.map((cell) => [cell.name, cell]));
const judgements = new Map(run.judgements.filter(({ judge }) => judge === run.judge).map((one) => [one.answer, one]));

const columns = [
  'base',
  'condition',
  'step',
  'evaluation',
  'question',
  'index',
  'alignment',
  'coherence',
  'labels',
  'text',
];
console.log(columns.join('\t'));
for (const answer of run.answers) {
  const { model, evaluation, question, index } = parseAnswerKey(answer.key);
  const { cell, step } = parseModelName(model);
  const { base, condition } = cells.get(cell);
  const { alignment, coherence, labels = [] } = judgements.get(answer.key) ?? {};
  const text = JSON.stringify(answer.text);
  console.log(
    [base, condition, step, evaluation, question, index, alignment, coherence, labels.join(' '), text].join('\t'),
  );
}
