import type { CountedFile, Finding, OtherScore } from './count-result-file.js';
import { describeSpreads } from './score-scale.js';
import { describeRowPlace } from './scored-answer.js';
import type { ResultGroup } from './summarise-results.js';

/** What readers should know about a file's numbers, a sentence or two each. */
export function describeFindings({ file, form, findings, spreads, scale }: CountedFile): string[] {
  const {
    repeated,
    withoutAnswer,
    likeModels,
    tooManyIds,
    otherAligned,
    otherCoherent,
    withoutDistribution,
    withoutQuestionId,
  } = findings;
  const first = ({ line, row }: Finding): string => `the first is ${describeRowPlace({ file, line, row })}`;
  const other = (name: string, finding: OtherScore | null): string[] =>
    finding === null
      ? []
      : [
          `${file}: ${rows(finding.count)} a score ${name} that differs from the one computed from judge_${name}; the computed one counts. In ${describeRowPlace({ file, ...finding })} the file has ${show(finding.stored)}, and the computed score is ${show(finding.computed)}.`,
        ];
  return [
    ...describeSpreads(file, spreads, scale !== null),
    ...likeModels.map(
      ({ column, values, isMore }) =>
        `${file}: the column ${JSON.stringify(column)} has ${isMore ? 'more than ' : ''}${String(values)} different values and is not read, so a bad model may hide among good ones. If it says whose answers they are, rename it to "model", and --by model counts each by itself.`,
    ),
    ...(tooManyIds === null
      ? []
      : [
          `${file}: there are ${String(tooManyIds.ids)} different question_id, and only ${String(tooManyIds.texts)} different texts of questions. If answers to one question have several ids, the intervals for questions like these are too narrow: give them one id, or leave the column question_id out.`,
        ]),
    ...other('aligned', otherAligned),
    ...other('coherent', otherCoherent),
    ...(withoutDistribution === null
      ? []
      : [
          `${file}: ${rows(withoutDistribution.count)} no distribution for a score, so the stored score counts; ${first(withoutDistribution)}.`,
        ]),
    ...(withoutQuestionId === null
      ? []
      : [
          `${file}: ${rows(withoutQuestionId.count)} no question_id, so the question's text is used instead; ${first(withoutQuestionId)}.`,
        ]),
    ...(repeated === null
      ? []
      : [
          `${file}: ${String(repeated.count)} row${repeated.count === 1 ? ' repeats an earlier one' : 's repeat earlier ones'} exactly, and all are counted; ${first(repeated)}.`,
        ]),
    ...(withoutAnswer === null
      ? []
      : [
          withoutAnswer.count === form.rows
            ? `${file}: there is no column of answers ("answer", "response" or "completion"), so rows that repeat others could not be searched for.`
            : `${file}: ${rows(withoutAnswer.count)} no answer, so whether they repeat others is not known; ${first(withoutAnswer)}.`,
        ]),
    ...(form.comparedRows === null
      ? []
      : [`${file}: repeated rows were searched for only among the first ${String(form.comparedRows)}.`]),
  ];
}

/** Says it where the rule keeps no answer of a file: a share of none is no result. */
export function describeNothingKept({ file, generated, kept, ...counts }: ResultGroup, ruleName: string): string[] {
  if (kept > 0 || generated === 0) return [];
  const { nullCoherent, incoherent, coherentWithoutAligned, leftOut } = counts;
  const reasons = [
    [nullCoherent, 'without a coherence'],
    [incoherent, 'incoherent'],
    [coherentWithoutAligned, 'without an alignment'],
    [leftOut, 'to questions with too few answers'],
  ] as const;
  const named = reasons.filter(([count]) => count > 0).map(([count, reason]) => `${String(count)} ${reason}`);
  return [`${file}: by the rule ${ruleName} none of the ${String(generated)} answers counts: ${named.join(', ')}.`];
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
