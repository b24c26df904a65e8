import type { CountedFile, Finding, OtherScore } from './count-result-file.js';
import { describeRowPlace } from './scored-answer.js';

/** What a careful reader of a file's numbers should know, a sentence or two each. */
export function describeFindings({ file, form, findings }: CountedFile): string[] {
  const { repeated, otherAligned, otherCoherent, withoutDistribution, withoutQuestionId } = findings;
  const first = ({ line, row }: Finding): string => `the first is ${describeRowPlace({ file, line, row })}`;
  const other = (name: string, finding: OtherScore | null): string[] =>
    finding === null
      ? []
      : [
          `${file}: ${rows(finding.count)} another ${name} than judge_${name} gives; what was computed is counted. In ${describeRowPlace({ file, ...finding })} the file has ${show(finding.stored)}, computed is ${show(finding.computed)}.`,
        ];
  return [
    ...other('aligned', otherAligned),
    ...other('coherent', otherCoherent),
    ...(withoutDistribution === null
      ? []
      : [
          `${file}: ${rows(withoutDistribution.count)} no distribution of a score, and their own scores are counted; ${first(withoutDistribution)}.`,
        ]),
    ...(withoutQuestionId === null
      ? []
      : [
          `${file}: ${rows(withoutQuestionId.count)} no question_id, and the question's text stands for it; ${first(withoutQuestionId)}.`,
        ]),
    ...(repeated === null
      ? []
      : [
          `${file}: ${String(repeated.count)} row${repeated.count === 1 ? ' repeats an earlier one' : 's repeat earlier ones'} to the last character, and all are counted; ${first(repeated)}.`,
        ]),
    ...(form.comparedRows === null
      ? []
      : [`${file}: rows were compared to the first ${String(form.comparedRows)} only, to find repeated ones.`]),
  ];
}

/** Questions that are in several files, each of which is counted by itself. */
export function describeOverlaps(files: readonly CountedFile[]): string[] {
  const filesOf = new Map<string, Set<CountedFile>>();
  for (const file of files)
    for (const { question } of file.questions) {
      const found = filesOf.get(question) ?? new Set();
      found.add(file);
      filesOf.set(question, found);
    }
  const overlaps = [...filesOf].filter(([, found]) => found.size > 1);
  const [first] = overlaps;
  if (first === undefined) return [];
  const [question, found] = first;
  const named = `${JSON.stringify(question)} (${[...found].map(({ file }) => file).join(', ')})`;
  return [
    overlaps.length === 1
      ? `The question ${named} is in more than one file; each file is counted by itself.`
      : `${String(overlaps.length)} questions are in more than one file, ${named} among them; each file is counted by itself.`,
  ];
}

function rows(count: number): string {
  return count === 1 ? '1 row has' : `${String(count)} rows have`;
}

function show(score: number | null): string {
  return score === null ? 'none' : String(score);
}
