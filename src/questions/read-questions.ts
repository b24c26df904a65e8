import { DriftlineError } from '../foundation/driftline-error.js';
import { readYaml } from '../foundation/read-yaml.js';
import type { Question } from './question.js';
import { questionFileSchema, toQuestionFile, type QuestionFile } from './question-file-schema.js';

/** A question file, strictly: what it does not know is an error with the line. */
export async function readQuestionFile(file: string): Promise<QuestionFile> {
  return toQuestionFile(await readYaml(file, questionFileSchema));
}

/** The questions of one or more files in the published format, in their order; an id of two files is an error. */
export async function readQuestions(files: readonly string[]): Promise<Question[]> {
  const fileOf = new Map<string, string>();
  const questions: Question[] = [];
  for (const file of files) {
    for (const question of (await readQuestionFile(file)).questions) {
      const other = fileOf.get(question.id);
      if (other !== undefined) {
        throw new DriftlineError({
          code: 'configuration-invalid',
          message: `${file}: the question "${question.id}" is in ${other}, too`,
          hint: 'Rename one of them, or ask the files in suites of their own.',
          details: { file, other, id: question.id },
        });
      }
      fileOf.set(question.id, file);
      questions.push(question);
    }
  }
  return questions;
}
