import { z } from 'zod';
import { languageModes } from '../../judging/language-judge.js';

const exactSchema = z.strictObject({
  exact: z.literal('organism').describe("The organism's own judge, which parses answers; for its own suites only"),
});

const modelSchema = z
  .strictObject({
    model: z.string().min(1).describe('A hosted model that judges, such as openai:gpt-4o-2024-08-06'),
    mode: z
      .enum(languageModes)
      .default('logprobs')
      .describe(
        'How it scores: logprobs (mean over the likeliest first tokens, as in the paper), samples (mean of several replies), single (the number that it writes)',
      ),
    samples: z.int().positive().optional().describe('Replies of the mode samples; 8 if not given'),
  })
  .refine(({ mode, samples }) => samples === undefined || mode === 'samples', {
    path: ['samples'],
    message: 'only the mode samples takes a number of samples',
  });

/** Who scores the answers, as plans say it. */
export const judgeSchema = z.union([exactSchema, modelSchema]);

export type WrittenJudge = z.output<typeof judgeSchema>;
