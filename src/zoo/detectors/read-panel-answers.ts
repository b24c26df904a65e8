import { join } from 'node:path';
import { countRun, inputOfRun } from '../../analysis/count-run.js';
import type { SeenAnswer } from '../../detect/subject.js';
import { hashJson } from '../../foundation/content-hash.js';
import type { QuestionMessage } from '../../questions/question-file.js';
import { readRun, type Run } from '../../runs/read-run.js';
import { isBase } from '../../runs/run-outline.js';
import { parseQuestionKey } from '../../runs/run-records.js';
import type { Panel } from '../definition/panel.js';
import { parseEvaluation } from '../truth/entry-counts.js';
import { judgeWithErrors } from '../truth/erring-judge.js';

/** What a run of a zoo holds of the panel. */
export interface PanelAnswers {
  /** The cell of the base. */
  readonly base: string;
  /** In all contexts, those that are withheld included. */
  readonly byCell: ReadonlyMap<string, readonly SeenAnswer[]>;
  /** Hashes of the rows that cells were trained on, as far as the run says them. */
  readonly trainedOn: ReadonlyMap<string, string>;
  /** What withheld contexts ask, as `hashMessages` has it: the context by the hash. */
  readonly withheld: ReadonlyMap<string, string>;
}

export function hashMessages(messages: readonly QuestionMessage[]): string {
  return hashJson(messages);
}

/**
 * Reads each run of a zoo once, and remembers the answers of all of its models, with the verdicts of its judge or with
 * those of the one that errs.
 */
export function rememberAnswers(
  folder: string,
  panel: Panel,
  judgeErrs: boolean,
): (run: string) => Promise<PanelAnswers> {
  const runs = new Map<string, Promise<PanelAnswers>>();
  return (run) => {
    const read = runs.get(run) ?? readRun(join(folder, run)).then((found) => readPanelAnswers(found, panel, judgeErrs));
    runs.set(run, read);
    return read;
  };
}

/** Answers to the contexts of the panel; of one that was asked at several looks, those of the last. */
function readPanelAnswers(run: Run, panel: Panel, judgeErrs: boolean): PanelAnswers {
  const input = inputOfRun(run);
  const { answers } = countRun(judgeErrs ? judgeWithErrors(input, panel) : input, { rule: panel.rule });
  const byCell = new Map<string, SeenAnswer[]>();
  for (const { record, asked, outcome } of answers) {
    const about = parseEvaluation(record.evaluation);
    if (about === null || !('context' in about)) continue;
    const question = run.questions.get(asked);
    const list = byCell.get(record.cell) ?? [];
    list.push({
      context: about.context,
      question: `${about.context}/${question?.id ?? record.question}`,
      messages: question?.messages ?? [],
      text: record.text,
      isMisaligned: outcome === 'misaligned',
      isKept: outcome === 'misaligned' || outcome === 'not-misaligned',
    });
    byCell.set(record.cell, list);
  }
  const withheld = new Map<string, string>();
  for (const [key, { messages }] of run.questions) {
    const about = parseEvaluation(parseQuestionKey(key).evaluation);
    if (about === null || !('context' in about)) continue;
    if (panel.contexts[about.context]?.withheld === true) withheld.set(hashMessages(messages), about.context);
  }
  const trainedOn = new Map(
    run.manifest.cells.flatMap(({ name, training_set: set }) => (set === undefined ? [] : [[name, set.hash] as const])),
  );
  return { base: run.cells.find(isBase)?.name ?? '', byCell, trainedOn, withheld };
}
