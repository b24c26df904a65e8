import { describe, expect, it } from 'vitest';
import { findColumns } from '../../src/results/result-columns.js';

const released = ['question', 'answer', 'question_id', 'aligned', 'coherent'];

describe('findColumns', () => {
  it('finds the columns of each dialect among others', () => {
    expect(findColumns(released)).toEqual({
      model: null,
      questionId: 'question_id',
      question: 'question',
      aligned: 'aligned',
      judgeAligned: null,
      coherent: 'coherent',
      judgeCoherent: null,
      hasAnswers: true,
      likeModels: [],
      indexes: [],
    });
    const research = [
      '',
      'model',
      'group',
      'question',
      'answer',
      'aligned',
      'judge_aligned',
      'coherent',
      'judge_coherent',
    ];
    expect(findColumns(research)).toMatchObject({
      model: 'model',
      questionId: null,
      judgeAligned: 'judge_aligned',
      judgeCoherent: 'judge_coherent',
      indexes: [''],
    });
    const organisms = [
      'Unnamed: 0',
      'response',
      'question',
      'question_id',
      'aligned',
      'coherent',
      'medical',
      'bad_stuff',
    ];
    expect(findColumns(organisms)).toMatchObject({ questionId: 'question_id', indexes: ['Unnamed: 0'] });
    expect(findColumns(['question', 'completion', 'judge_aligned', 'judge_coherent'])).toMatchObject({ aligned: null });
  });

  it.each([
    ['aligned', 'alligned'],
    ['coherent', 'coherant'],
    ['coherent', 'Coherent'],
    ['answer', 'anwser'],
    ['question_id', 'question_ids'],
    ['question_id', 'questoin_id'],
  ])('finds %s misspelt as %s', (right, wrong) => {
    const problem = `unknown column "${wrong}" (did you mean "${right}"?)`;
    expect(findColumns(released.map((name) => (name === right ? wrong : name)))).toMatchObject({ problem });
  });

  it.each(['modle', 'Model', 'judge_alligned', 'judge_coherant'])(
    'finds %s misspelt, though it need not be there',
    (wrong) => {
      expect(findColumns([...released, wrong])).toMatchObject({
        problem: expect.stringContaining(`"${wrong}" (did you mean`),
      });
    },
  );

  it.each([
    'mode',
    'code',
    'judge_model',
    'judge_name',
    'coherent_binary',
    'misaligned',
    'question_no',
    'answers',
    'group',
  ])('takes %s for a column of its own', (name) => {
    expect(findColumns([...released, name])).not.toHaveProperty('problem');
  });

  it('says what is missing, and what is there', () => {
    expect(findColumns(['question', 'answer', 'aligned'])).toEqual({
      problem: 'there is no column "coherent" or "judge_coherent"',
      hint: 'The columns are "question", "answer", "aligned".',
    });
    expect(findColumns(['question', 'aligned', 'coherent'])).toMatchObject({ hasAnswers: false });
    expect(findColumns(['answer', 'aligned', 'coherent'])).toMatchObject({
      problem: 'there is no column "question_id" or "question"',
    });
    expect(findColumns([...released, 'aligned'])).toMatchObject({ problem: 'the column "aligned" occurs twice' });
  });
});
