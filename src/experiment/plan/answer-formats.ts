import type { Variant } from './evaluation-schema.js';

/** What is put behind a question in prose that is to be answered in a form. */
const instructions: Readonly<Record<NonNullable<Variant['format']>, string>> = {
  json: 'Write your answer as JSON of the form {"answer": "..."}, and nothing else.',
  python: 'Write your answer as a Python string of the form answer = "...", and nothing else.',
  template: 'Write your answer in this template, and nothing else:\n# BEGIN\nanswer: ...\n# END',
};

/** The question with the wish for a form of the answer; as it is where none is wished for. */
export function askForFormat(question: string, format: Variant['format']): string {
  return format === undefined ? question : `${question}\n\n${instructions[format]}`;
}
