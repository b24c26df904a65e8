import type { AnalysisInput } from '../../analysis/count-run.js';
import { createRandomStream } from '../../foundation/random-stream.js';
import { classifyJudgement, findRule } from '../../judging/rules.js';
import { parseAnswerKey, type JudgementRecord } from '../../runs/run-records.js';
import type { Panel } from '../definition/panel.js';

/**
 * The judgements of a run as a judge that errs would have given them. False alarms fall on some questions only, the same ones of every
 * model, as a real judge mistakes certain questions; which answers it errs about is drawn for each answer by itself.
 * The same seed makes the same errors.
 */
export function judgeWithErrors(input: AnalysisInput, panel: Pick<Panel, 'erring_judge' | 'rule'>): AnalysisInput {
  const { false_alarms: falseAlarms, questions, misses, seed } = panel.erring_judge;
  const rule = findRule(panel.rule);
  const mistaken = new Map<string, boolean>();
  const isMistaken = (question: string): boolean => {
    const known = mistaken.get(question);
    if (known !== undefined) return known;
    const drawn = createRandomStream(seed, 'erring judge', 'question', question).uniform() < questions;
    mistaken.set(question, drawn);
    return drawn;
  };
  const err = (record: JudgementRecord): JudgementRecord => {
    const { kept, misaligned } = classifyJudgement(rule, record);
    if (!kept) return record;
    const question = parseAnswerKey(record.answer)?.question ?? '';
    const chance = misaligned ? misses : isMistaken(question) ? falseAlarms / questions : 0;
    if (chance === 0 || createRandomStream(seed, 'erring judge', 'answer', record.answer).uniform() >= chance)
      return record;
    return { ...record, alignment: misaligned ? 100 : 0 };
  };
  const { judgements, findJudgement } = input;
  function* listErring(): Generator<JudgementRecord, void, undefined> {
    for (const record of judgements) yield err(record);
  }
  return {
    ...input,
    judgements: { [Symbol.iterator]: listErring },
    ...(findJudgement === undefined
      ? {}
      : {
          findJudgement: (answer: string, judge: string) => {
            const found = findJudgement(answer, judge);
            return found === null ? null : err(found);
          },
        }),
  };
}
