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
  questionsLikeThese: z.object({ power: z.number().nullable(), simulated: z.number().nullable(), needs: needsSchema }),
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

that they differ on questions like these (paired t test by question)
  power 12.3 %, in 2000 simulated experiments 3.5 %
  for 80.0 %: 77 questions, with 50 answers to each
  for 80.0 %: no number of answers to each is enough, with 8 questions
  for 80.0 %: a share of 28.5 % or more, with the design as it is

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

  it('knows that one question says nothing of others', async () => {
    const { stdout } = await runCaptured(['power', '--rate', '0.2', '--questions', '1']);
    expect(stdout).toContain('no power');
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
