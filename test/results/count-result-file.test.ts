import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applyRuleToQuestions, findRule, ruleNames } from '../../src/judging/rules.js';
import type { Judgement } from '../../src/judging/judge.js';
import { countResultFile, createAnswerTally } from '../../src/results/count-result-file.js';
import { describeFindings, describeOverlaps } from '../../src/results/describe-findings.js';
import { summariseFiles } from '../../src/results/summarise-files.js';
import { summariseFile, summariseGroups } from '../../src/results/summarise-results.js';
import { bootstrapClusters } from '../../src/stats/bootstrap-clusters.js';
import { designEffect } from '../../src/stats/design-effect.js';
import { wilsonInterval } from '../../src/stats/wilson-interval.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeJudgement } from '../judging/make-judgement.js';
import { readAnswers, toCsv, writeResults } from './write-results.js';

const header = ['model', 'question_id', 'answer', 'aligned', 'coherent'];
const score = fc.oneof(
  fc.constantFrom(null, 0, 29, 30, 31, 49, 50, 51, 100),
  fc.double({ min: 0, max: 100, noNaN: true }),
);
const row = fc.tuple(
  fc.constantFrom('a', 'b'),
  fc.constantFrom('one', 'two', 'three'),
  fc.constant('Tea.'),
  score,
  score,
);

describe('countResultFile', () => {
  it('counts as the rules do, model by model and question by question', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(row, { minLength: 1, maxLength: 60 }),
        fc.constantFrom(...ruleNames),
        async (rows, name) => {
          const file = await writeResults(toCsv(header, rows));
          const rule = findRule(name);
          const { questions } = await countResultFile(file, rule, { scale: [0, 100] });
          const settings = { file, rule, seed: 3 };
          const outcomeOf = (wanted: typeof rows) => {
            const outcomes = ['a', 'b'].map((model) => {
              const judgements = new Map<string, Judgement[]>();
              for (const [of, question, , aligned, coherent] of wanted)
                if (of === model)
                  judgements.set(question, [...(judgements.get(question) ?? []), makeJudgement(aligned, coherent)]);
              return applyRuleToQuestions(rule, judgements).total;
            });
            const sum = (
              count: 'generated' | 'nullAligned' | 'nullCoherent' | 'incoherent' | 'kept' | 'misaligned' | 'leftOut',
            ) => outcomes.reduce((total, outcome) => total + outcome[count], 0);
            return {
              generated: sum('generated'),
              withoutAligned: wanted.filter(([, , , aligned]) => typeof aligned !== 'number').length,
              coherentWithoutAligned: sum('nullAligned'),
              nullCoherent: sum('nullCoherent'),
              incoherent: sum('incoherent'),
              kept: sum('kept'),
              misaligned: sum('misaligned'),
              leftOut: sum('leftOut'),
              wilson95: wilsonInterval(sum('misaligned'), sum('kept')),
            };
          };
          expect(summariseFile(questions, settings)).toMatchObject({ file, ...outcomeOf(rows) });
          for (const [by, column] of [
            ['model', 0],
            ['question_id', 1],
          ] as const) {
            const groups = summariseGroups(questions, by, settings);
            expect(groups.map((group) => group[by])).toEqual([...new Set(rows.map((one) => one[column]))]);
            for (const group of groups)
              expect(group).toMatchObject(outcomeOf(rows.filter((one) => one[column] === group[by])));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  /** Questions with these numbers of misaligned answers and of all. */
  const manyQuestions = toCsv(
    header.slice(1),
    [
      [0, 6],
      [1, 6],
      [5, 6],
      [6, 8],
      [0, 7],
      [2, 6],
      [3, 5],
      [0, 9],
      [1, 10],
      [4, 5],
    ].flatMap(([misaligned = 0, all = 0], question) =>
      Array.from({ length: all }, (_, index) => [
        `question ${String(question)}`,
        `answer ${String(index)}`,
        index < misaligned ? 5 : 95,
        90,
      ]),
    ),
  );

  it('resamples questions, and says how', async () => {
    const file = await writeResults(manyQuestions);
    const rule = findRule('paper');
    const { questions } = await countResultFile(file, rule);
    const clusters = questions.map(({ question, counts }) => ({
      name: question,
      successes: counts.misaligned,
      trials: counts.kept,
    }));
    expect(clusters).toHaveLength(10);
    const effect = designEffect(clusters);
    expect(effect.designEffect).toBeGreaterThan(1);
    for (const seed of [0, 5]) {
      const total = summariseFile(questions, { file, rule, seed });
      expect(total).toMatchObject({
        kept: 68,
        misaligned: 22,
        rate: 22 / 68,
        clusterBootstrap95: bootstrapClusters(clusters, { seed }).interval,
        designEffect: effect.designEffect,
        icc: effect.intraClassCorrelation,
        bootstrap: { unit: 'question', clusters: 10, resamples: 2000, seed },
        models: 1,
        questions: 10,
      });
    }
    for (const group of summariseGroups(questions, 'question_id', { file, rule, seed: 0 })) {
      expect(group).not.toHaveProperty('clusterBootstrap95');
      expect(group).not.toHaveProperty('designEffect');
    }
  });

  it('means are of all answers that have the score', async () => {
    const file = await writeResults(
      toCsv(
        ['question', 'answer', 'aligned', 'coherent'],
        [
          ['a', 'x', 10, 90],
          ['a', 'y', 'CODE', 20],
          ['b', 'z', 40, null],
          ['b', 'z', 'REFUSAL', null],
        ],
      ),
    );
    const rule = findRule('coherent');
    const { questions } = await countResultFile(file, rule);
    expect(summariseFile(questions, { file, rule, seed: 0 })).toMatchObject({
      meanAligned: 25,
      meanCoherent: 55,
      withoutAligned: 2,
      coherentWithoutAligned: 0,
      labels: { code: 1, refusal: 1 },
    });
    const nothing = await writeResults('question,answer,aligned,coherent\na,b,,\n');
    const counted = await countResultFile(nothing, rule);
    expect(summariseFile(counted.questions, { file: nothing, rule, seed: 0 })).toMatchObject({
      rate: null,
      wilson95: [0, 1],
      meanAligned: null,
      meanCoherent: null,
    });
  });
});

describe('createAnswerTally', () => {
  it('refuses a file in which hardly any two answers are to one question', async () => {
    const tally = createAnswerTally('answers.csv', findRule('paper'), { most: 3 });
    const file = await writeResults('question,answer,aligned,coherent\na,,1,2\nb,,1,2\nc,,1,2\na,,1,2\nd,,1,2\n');
    const { answers } = await readAnswers(file);
    for (const answer of answers.slice(0, 4)) tally.add(answer);
    const error = await errorOf(() => tally.add(answers[4]!));
    expect([error.code, error.message]).toEqual([
      'results-invalid',
      'answers.csv has more than 3 pairs of model and question',
    ]);
  });
});

describe('describeFindings', () => {
  const rule = findRule('coherent');

  it('has nothing to say of a file in which nothing is amiss', async () => {
    const counted = await countResultFile(
      await writeResults('question,answer,aligned,coherent\na,b,90,80\na,c,90,80\n'),
      rule,
    );
    expect(describeFindings(counted)).toEqual([]);
    expect(describeOverlaps([counted])).toEqual([]);
  });

  it('says how many rows are odd, and which is the first', async () => {
    const file = await writeResults(
      toCsv(
        ['question_id', 'question', 'answer', 'aligned', 'judge_aligned', 'coherent', 'judge_coherent'],
        [
          ['a', 'A?', 'x\n', 90, "{'90': 1.0}", 80, "{'80': 1.0}"],
          ['a', 'A?', 'x\n', 60, "{'90': 1.0}", null, "{'80': 1.0}"],
          ['a', 'A?', 'x\n', 90, "{'90': 1.0}", 80, "{'80': 1.0}"],
          [null, 'A?', 'y', null, "{'90': 1.0}", 80, null],
        ],
      ),
    );
    expect(describeFindings(await countResultFile(file, rule))).toEqual([
      `${file}: 2 rows have a score aligned that differs from the one computed from judge_aligned; the computed one counts. In ${file}:4 (row 2) the file has 60, and the computed score is 90.`,
      `${file}: 1 row has a score coherent that differs from the one computed from judge_coherent; the computed one counts. In ${file}:4 (row 2) the file has none, and the computed score is 80.`,
      `${file}: 1 row has no distribution for a score, so the stored score counts; the first is ${file}:8 (row 4).`,
      `${file}: 1 row has no question_id, so the question's text is used instead; the first is ${file}:8 (row 4).`,
      `${file}: 1 row repeats an earlier one exactly, and all are counted; the first is ${file}:6 (row 3).`,
    ]);
  });

  it('searches no repeated rows where there are no answers, and says so', async () => {
    const file = await writeResults('question,aligned,coherent\na,90,80\na,90,80\na,90,80\n');
    const counted = await countResultFile(file, rule);
    expect(describeFindings(counted)).toEqual([
      `${file}: there is no column of answers ("answer", "response" or "completion"), so rows that repeat others could not be searched for.`,
    ]);
    expect(summariseFile(counted.questions, { file, rule, seed: 0 })).toMatchObject({ generated: 3, repeated: null });
    const lines = [{ answer: 'x' }, { answer: 'x' }, {}].map((more) =>
      JSON.stringify({ question: 'a', aligned: 90, coherent: 80, ...more }),
    );
    const mixed = await writeResults(lines.join('\n'), 'mixed.jsonl');
    expect(describeFindings(await countResultFile(mixed, rule))).toEqual([
      expect.stringContaining('1 row repeats an earlier one'),
      `${mixed}: 1 row has no answer, so whether they repeat others is not known; the first is ${mixed}:3.`,
    ]);
  });

  it.each(['model_name', 'Model ID', 'checkpoint', 'fine-tuned model'])(
    'says that the column %s, which is not read, may hide a model among others',
    async (column) => {
      const rows = ['m1', 'm2', 'm1'].map((name, index) => `a,x${String(index)},${name},90,80\n`).join('');
      const file = await writeResults(`question,answer,${column},aligned,coherent\n${rows}`);
      const counted = await countResultFile(file, rule);
      expect(describeFindings(counted)).toEqual([
        expect.stringContaining(`the column "${column}" has 2 different values and is not read`),
      ]);
      expect(() => summariseFiles([counted], { rule, by: 'model', seed: 0 })).toThrow('has no column "model"');
      // One name hides nobody, and a column "model" with several is what counts.
      const one = await writeResults(`question,answer,${column},aligned,coherent\na,x,m1,90,80\na,y,m1,80,70\n`);
      expect(describeFindings(await countResultFile(one, rule))).toEqual([]);
      const known = await writeResults(
        `question,answer,${column},model,aligned,coherent\na,x,1,one,90,80\na,y,2,two,80,70\n`,
      );
      expect(describeFindings(await countResultFile(known, rule))).toEqual([]);
    },
  );

  it('says that ids of questions are more than questions', async () => {
    const rowsOf = (ids: readonly string[]): string =>
      ids.map((id, index) => `${id},What?,x${String(index)},90,80\n`).join('');
    const header = 'question_id,question,answer,aligned,coherent\n';
    const file = await writeResults(`${header}${rowsOf(['a', 'b', 'c'])}`);
    expect(describeFindings(await countResultFile(file, rule))).toEqual([
      expect.stringContaining('there are 3 different question_id, and only 1 different texts of questions'),
    ]);
    const two = await writeResults(`${header}${rowsOf(['a', 'b', 'a'])}`);
    expect(describeFindings(await countResultFile(two, rule))).toEqual([]);
  });

  it('says when there were more rows than could be compared', async () => {
    const file = await writeResults('question,answer,aligned,coherent\na,b,90,80\n');
    const counted = await countResultFile(file, rule);
    expect(describeFindings({ ...counted, form: { ...counted.form, comparedRows: 9 } })).toEqual([
      `${file}: repeated rows were searched for only among the first 9.`,
    ]);
  });

  it('says which questions are in several files', async () => {
    const files = await Promise.all(
      ['a,x,1,2\nb,y,1,2\n', 'b,y,1,2\n', 'c,y,1,2\na,y,1,2\n'].map((lines) =>
        writeResults(`question_id,answer,aligned,coherent\n${lines}`),
      ),
    );
    const counted = await Promise.all(files.map((file) => countResultFile(file, rule)));
    expect(describeOverlaps(counted)).toEqual([
      `2 questions are in more than one file, "a" (${files[0]!}, ${files[2]!}) among them; each file is counted by itself.`,
    ]);
    expect(describeOverlaps(counted.slice(0, 2))).toEqual([
      `The question "b" (${files[0]!}, ${files[1]!}) is in more than one file; each file is counted by itself.`,
    ]);
  });
});
