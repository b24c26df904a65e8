import type { FileReading } from '../../foundation/read-file-blocks.js';
import type { Rule } from '../rules.js';
import type { CountedFile } from './describe-findings.js';
import { readResultFile } from './read-result-file.js';
import { createAnswerTally } from './tally-answers.js';

/** Reads a file of results to its end and counts its answers by model and question; see `readResultFile`. */
export async function countResultFile(file: string, rule: Rule, reading: FileReading = {}): Promise<CountedFile> {
  const tally = createAnswerTally(file, rule);
  const form = await readResultFile(file, tally.add, reading);
  return { file, form, questions: tally.questions(), findings: tally.findings() };
}
