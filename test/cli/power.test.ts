import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { pairedPower } from '../../src/stats/paired-power.js';
import { runCaptured } from './run-captured.js';

const usual = [
  'power',
  '--base-rate',
  '0.01',
  '--rate',
  '0.05',
  '--questions',
  '8',
  '--samples',
  '50',
  '--icc',
  '0.25',
];
const needsSchema = z.object({
  questions: z.number().nullable(),
  samples: z.number().nullable(),
  detectableRate: z.number().nullable(),
});
const resultSchema = z.object({
  questionsLikeThese: z.object({
    power: z.number().nullable(),
    simulated: z.number().nullable(),
    simulatedPValue: z.number().nullable(),
    leastPValue: z.number().nullable(),
    needs: needsSchema,
  }),
  theseQuestions: z.object({ power: z.number(), needs: needsSchema }),
});

async function measure(...more: string[]) {
  const { stdout, exitCode } = await runCaptured([...usual, ...more, '--json']);
  expect(exitCode).toBe(0);
  return resultSchema.parse(JSON.parse(stdout));
}

describe('driftline power', () => {
  it('says what the design finds, and what would be enough', async () => {
    const { stdout, exitCode } = await runCaptured(usual);
    expect(exitCode).toBe(0);
    expect(stdout).toBe(
      `5.0 % against 1.0 %: 8 questions, 50 answers to each, correlation 0.25

that they differ on questions like these
  interval wholly above 0: in 2.5 % of 200 simulated experiments
  p by flipped signs at most 0.05: in 2.5 % of them; with 8 questions it is at least 0.00781
  power 12.3 % by the formula of a paired t test by question
  by the formula, for 80.0 %: 77 questions, with 50 answers to each
  by the formula, for 80.0 %: no number of answers to each is enough, with 8 questions
  by the formula, for 80.0 %: a share of 28.5 % or more, with the design as it is

that they differ on these very questions (answers independent given the question)
  power 97.1 %
  for 80.0 %: 5 questions, with 50 answers to each
  for 80.0 %: 27 answers to each, with 8 questions
  for 80.0 %: a share of 3.5 % or more, with the design as it is
`,
    );
  });

  it('prints the same as JSON, with every option in it', async () => {
    const { questionsLikeThese, theseQuestions } = await measure();
    const design = { baseRate: 0.01, rate: 0.05, questions: 8, samples: 50, intraClassCorrelation: 0.25 };
    expect(questionsLikeThese.power).toBe(pairedPower(design, 'questions').power);
    expect(theseQuestions.power).toBe(pairedPower(design, 'answers').power);
    const changed = await measure(
      '--seeds',
      '3',
      '--question-correlation',
      '0.5',
      '--confidence',
      '0.9',
      '--power',
      '0.9',
    );
    const asked = { ...design, seeds: 3, questionCorrelation: 0.5, confidence: 0.9 };
    expect(changed.questionsLikeThese.power).toBe(pairedPower(asked, 'questions').power);
    expect(changed.questionsLikeThese.simulated).toBeNull();
    expect(changed.theseQuestions.needs.detectableRate).toBeGreaterThan(0);
  });

  it('says the least p-value that few questions can have, which the formula knows nothing of', async () => {
    const few = ['power', '--base-rate', '0.01', '--rate', '0.5', '--questions', '5'];
    const { stdout } = await runCaptured(few);
    expect(stdout).toContain(
      'p by flipped signs at most 0.05: in 0.0 % of them; with 5 questions it is at least 0.0625, and never reaches 0.05',
    );
    expect(stdout).toContain('5 questions, with 50 answers to each; p by flipped signs needs 6 at least');
    expect((await measure('--questions', '5')).questionsLikeThese).toMatchObject({
      simulatedPValue: 0,
      leastPValue: 0.0625,
    });
  });

  it('looks below the base where the tuned model is to have less', async () => {
    const { stdout } = await runCaptured(['power', '--base-rate', '0.2', '--rate', '0.01', '--questions', '40']);
    expect(stdout).toContain('interval wholly below 0');
    expect(stdout).toMatch(/a share of \d\.\d % or less/);
    expect(stdout).not.toContain('or more');
  });

  it('knows that one question says nothing of others', async () => {
    const { stdout } = await runCaptured(['power', '--rate', '0.2', '--questions', '1']);
    expect(stdout).toContain('no power');
    expect(stdout).toContain(': 1 question, 50 answers to each');
    expect((await measure('--questions', '1')).questionsLikeThese.power).toBeNull();
  });

  it.each([
    [['--rate', '2'], '--rate "2"'],
    [['--questions', '0'], '--questions "0"'],
    [['--power', '1'], '--power "1"'],
  ])('refuses %j', async (more, place) => {
    const { stderr, exitCode } = await runCaptured([...usual, ...more]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(place);
  });
});
