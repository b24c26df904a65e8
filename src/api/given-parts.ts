import { z } from 'zod';
import { parseTrainingRow } from '../data/parse-training-row.js';
import type { TrainingRow } from '../data/training-set.js';
import type { Judge } from '../judging/judge.js';
import { judgeSchema } from '../judging/own-judge.js';
import { ownModelSchema, type OwnModel } from '../models/own-model.js';
import { questionFileSchema, toQuestionFile } from '../questions/question-file.js';

/** Questions in memory, as a question file has them: a list of entries, or `{ measure, questions }`. */
export type SuiteInput = z.input<typeof questionFileSchema>;

/** What a caller brings; the names are those that the plan uses. */
export interface GivenParts {
  /** Scores the answers in place of the judge that the plan names. */
  readonly judge?: Judge;
  /** Rows in memory: what the plan calls `data`. */
  readonly trainingSets?: Readonly<Record<string, readonly TrainingRow[]>>;
  /** Questions in memory: what the plan calls `suite`. */
  readonly suites?: Readonly<Record<string, SuiteInput>>;
  /** What the plan calls `bases`. */
  readonly models?: Readonly<Record<string, OwnModel>>;
}

const name = z.string().min(1);

const rowSchema = z.unknown().transform((value, context): TrainingRow => {
  const parsed = parseTrainingRow(value);
  if (parsed.kind === 'row') return parsed.row;
  context.addIssue({ code: 'custom', message: parsed.problem });
  return z.NEVER;
});

/** They are read as strictly as the files that they stand for. */
export const givenPartsShape = {
  judge: judgeSchema.optional(),
  trainingSets: z.record(name, z.array(rowSchema)).optional(),
  suites: z.record(name, questionFileSchema.transform(toQuestionFile)).optional(),
  models: z.record(name, ownModelSchema).optional(),
};
