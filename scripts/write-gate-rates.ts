/** `npm run docs:gates`: writes into docs/gates.md how often gates are wrong, and how often they pass, by simulation. */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fewestQuestions } from '../src/stats/paired-shares.js';
import { simulateAlarms, simulateLooks, simulatePipelines, type PipelineCell } from './simulate-gates.js';

const seed = 15;
const [pipelines, repeats] = [200, 50];
/** Of each number of the second table, and of the third. */
const [limited, passing] = [500, 150];
const answers = 4;
const usual: PipelineCell = {
  ...{ questions: 100, answers, baseRate: 0, tunedRate: 0, correlation: 0.25, likeness: 0.7, conditions: 1 },
  ...{ ofTheme: 1, fewer: null, margin: 0.02, population: 'questions-like-these' },
};
const percent = (share: number): string => (100 * share).toFixed(1);
const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

const pipelineCells: readonly PipelineCell[] = [
  ...[0, 0.002, 0.01].map((rate) => ({ ...usual, baseRate: rate, tunedRate: rate, likeness: 1, conditions: 4 })),
  ...[0, 0.01, 0.05].map((rate) => ({ ...usual, baseRate: rate, tunedRate: rate + usual.margin })),
];
const pipelineRows = pipelineCells.map((cell) => {
  const { alarm, pass } = simulatePipelines(cell, { pipelines, repeats, seed });
  const rates = `${percent(cell.baseRate)}, ${percent(cell.tunedRate)}`;
  console.error(`${rates}: alarms ${percent(alarm.once)}, ${percent(alarm.ever)}, ${percent(alarm.ledger)}`);
  const [once, ever] = [percent(pass.once), percent(pass.ever)];
  return row([rates, cell.conditions, percent(alarm.once), percent(alarm.ever), percent(alarm.ledger), once, ever]);
});

const sizes = [1, 2, 4, 8, 16];
const passRows = [0, 0.002, 0.01, 0.02].flatMap((rate) =>
  [34, 50, 100, 200].map((questions) => {
    const passes = sizes.map((size) => {
      const cell = { ...usual, questions, answers: size, baseRate: rate, tunedRate: rate, likeness: 1 };
      return percent(simulatePipelines(cell, { pipelines: passing, repeats: 1, seed }).pass.once);
    });
    return row([percent(rate), questions, ...passes]);
  }),
);
console.error('passes');

const limits: readonly (readonly [what: string, changes: Partial<PipelineCell>])[] = [
  ...[0.25, 0.5, 0.9].map(
    (correlation) => [`correlation ${String(correlation)}`, { correlation, tunedRate: 0.02 }] as const,
  ),
  ...[0.25, 0.5, 0.9].map(
    (correlation) =>
      [`correlation ${String(correlation)}, base 1 %`, { correlation, baseRate: 0.01, tunedRate: 0.03 }] as const,
  ),
  ['48 themes of 3 questions', { questions: 144, ofTheme: 3, tunedRate: 0.02 }],
  ['48 themes of 3 questions, correlation 0.5', { questions: 144, ofTheme: 3, correlation: 0.5, tunedRate: 0.02 }],
  ['2 answers to every fourth question', { fewer: 2, tunedRate: 0.02 }],
  ['the same, about these questions', { fewer: 2, tunedRate: 0.02, population: 'these-questions' }],
  ['3 rows', { conditions: 3, tunedRate: 0.02 }],
  ['20 rows', { conditions: 20, tunedRate: 0.02 }],
];
const limitRows = limits.map(([what, changes]) => {
  const cell = { ...usual, answers: 10, ...changes };
  const { alarm, pass } = simulatePipelines(cell, { pipelines: limited, repeats: 1, seed });
  console.error(`${what}: ${percent(pass.once)}`);
  return row([what, percent(pass.once), percent(alarm.once)]);
});

const looks = 8;
const lookRows = (['questions-like-these', 'these-questions'] as const).flatMap((population) =>
  [0, 0.05].map((baseRate) => {
    const cell = { ...usual, population, baseRate, tunedRate: baseRate + usual.margin };
    const { first, ever } = simulateLooks(cell, { pipelines: limited, looks, seed });
    console.error(`looks ${population}: ${percent(ever)}`);
    return row([percent(baseRate), population.replaceAll('-', ' '), percent(first), percent(ever)]);
  }),
);

const places = [1, 10, 50];
const alarmRows = [0.05, 0.1, 0.2].flatMap((drift) =>
  (['questions-like-these', 'these-questions'] as const).map((population) => {
    const cell = { ...usual, tunedRate: drift, population };
    const { alone, inLedger } = simulateAlarms(cell, places, { pipelines: 200, seed });
    return row([percent(drift), population.replaceAll('-', ' '), percent(alone), ...inLedger.map(percent)]);
  }),
);

const written = `
Questions have shares from a beta distribution, with a correlation of ${String(usual.correlation)} between two answers to one question. A pipeline has one suite of ${String(usual.questions)} questions, whose base is
asked once, and gates new fine-tunes again and again, with ${String(answers)} answers to each question. The limit is 2 points, about questions like these. Percent of ${String(pipelines)} pipelines (seed ${String(seed)}); two standard errors of 5 % are ${percent(2 * Math.sqrt((0.05 * 0.95) / pipelines))}.
In the last three lines the drift is the limit itself: there *above* is a false alarm, and a pass a false one.

| base, fine-tune, % misaligned | conditions | above, at the first gate | above, ever in ${String(repeats)} gates | the same with a ledger | passes, at the first | passes, ever in ${String(repeats)} |
| --- | ---: | ---: | ---: | ---: | ---: | ---: |
${pipelineRows.join('\n')}

How often gates are wrong where the drift is the limit, 2 points from a base without misaligned answers where nothing else is said, ${String(usual.questions)} questions with 10 answers each, by what else is so
(${String(limited)} pipelines a number; two standard errors of 5 % are ${percent(2 * Math.sqrt((0.05 * 0.95) / limited))}). Several rows pass only together:

| | passes, % | above, % |
| --- | ---: | ---: |
${limitRows.join('\n')}

How often a fine-tune without any drift passes at once, by questions and by answers to each (${String(passing)} pipelines a number):

| misaligned, % | questions | ${sizes.map((size) => `${String(size)} answer${size === 1 ? '' : 's'}`).join(' | ')} |
| ---: | ---: | ${sizes.map(() => '---:').join(' | ')} |
${passRows.join('\n')}

How often a drift from a base without misaligned answers is called above the 2 points, by a gate alone, and as gate 1, 10 or 50 of a ledger without an earlier alarm (200 pipelines a number):

| drift, points | about | alone | ${places.map((place) => `gate ${String(place)}`).join(' | ')} |
| ---: | --- | ---: | ${places.map(() => '---:').join(' | ')} |
${alarmRows.join('\n')}

How often a fine-tune whose drift is the limit passes where its user asks more answers after each *not shown*, as many as that names, and looks again (${String(limited)} pipelines a number, ${String(answers)} answers to a question at first):

| base, % misaligned | about | passes, at the first look | passes, at any of ${String(looks)} |
| ---: | --- | ---: | ---: |
${lookRows.join('\n')}

The fewest questions that can pass, by the limit: ${[1, 2, 3, 5, 10].map((points) => `${String(fewestQuestions(points / 100, 0.95))} for ${String(points)} point${points === 1 ? '' : 's'}`).join(', ')}.

`;

const page = path.resolve(import.meta.dirname, '../docs/gates.md');
const marks = /(<!-- measured: npm run docs:gates writes what follows -->\n)[^]*(<!-- end of what is measured -->)/;
const text = await readFile(page, 'utf8');
if (!marks.test(text)) throw new Error(`${page} has lost the marks of what is measured`);
await writeFile(
  page,
  text.replace(marks, (_, before: string, after: string) => `${before}${written}${after}`),
);
console.error(`wrote ${page}`);
