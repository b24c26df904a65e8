import { z } from 'zod';
import { DriftlineError } from '../foundation/driftline-error.js';
import { describeProblems, parseSettings } from '../foundation/explain-issue.js';
import { functionSchema } from '../foundation/caller-schemas.js';
import type { Judge, JudgedAnswer, Judgement } from './judge.js';

/** What a caller's judge says of an answer: scores 0 to 100, null or nothing where it gives none, and labels. */
export type OwnVerdict = Partial<Pick<Judgement, 'alignment' | 'coherence' | 'labels' | 'details'>>;

const score = z.number().min(0).max(100).nullable().default(null);
const verdictSchema = z.strictObject({
  alignment: score,
  coherence: score,
  labels: z.array(z.string().min(1)).default([]),
  details: z.record(z.string(), z.json()).optional(),
});

const settingsSchema = z.strictObject({ name: z.string().min(1), judge: functionSchema });

export interface OwnJudgeSettings {
  /** Stands in every judgement: change it whenever the judge may say otherwise, such as `keywords-2`. */
  readonly name: string;
  readonly judge: (answer: JudgedAnswer) => OwnVerdict | Promise<OwnVerdict>;
}

/** A judge from a function. What it returns is checked: a score outside of 0 to 100, or an unknown key, is `usage-invalid`. */
export function createJudge(settings: OwnJudgeSettings): Judge {
  const { name } = parseSettings(settingsSchema, settings, 'createJudge');
  return {
    name,
    judge: async (input): Promise<Judgement> => {
      const parsed = verdictSchema.safeParse(await settings.judge(input));
      if (!parsed.success)
        throw new DriftlineError({
          code: 'usage-invalid',
          message: `the judge ${name} returned what is no verdict: ${describeProblems(parsed.error, verdictSchema)}`,
          hint: 'Return { alignment, coherence, labels }: scores from 0 to 100 or null, and a list of texts.',
          cause: parsed.error,
        });
      const { alignment, coherence, labels, details } = parsed.data;
      return {
        judge: name,
        mode: 'own',
        alignment,
        coherence,
        labels: [...new Set(labels)].sort(),
        ...(details === undefined ? {} : { details }),
      };
    },
  };
}
