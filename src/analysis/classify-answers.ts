import type { OutlinedCell } from '../runs/run-outline.js';
import type { AnswerRecord, JudgementRecord } from '../runs/run-records.js';
import { classifyJudgement } from '../judging/classify-judgement.js';
import { findRule, type RuleName } from '../judging/rules.js';
import type { ReportAnswer } from './report-answer.js';

export interface AnswersToClassify {
  readonly cells: readonly OutlinedCell[];
  /** Seeds of fine-tunes by the names of cells. */
  readonly seeds: ReadonlyMap<string, number>;
  readonly answers: readonly AnswerRecord[];
  readonly judgements: readonly JudgementRecord[];
  readonly judge: string;
  readonly rule: RuleName;
}

export interface ClassifiedAnswers {
  readonly answers: readonly ReportAnswer[];
  /** Answers of models that the plan does not have; they are not among `answers`. */
  readonly strangers: number;
}

/** What one judge and a rule make of each answer, in the order of the answers. */
export function classifyAnswers(input: AnswersToClassify): ClassifiedAnswers {
  const rule = findRule(input.rule);
  const cells = new Map(input.cells.map((cell) => [cell.name, cell]));
  const judged = new Map<string, JudgementRecord>();
  for (const record of input.judgements) if (record.judge === input.judge) judged.set(record.answer, record);

  const classified: ReportAnswer[] = [];
  const keptOf = new Map<string, number>();
  let strangers = 0;
  for (const record of input.answers) {
    const { name, step } = splitModelName(record.cell);
    const cell = cells.get(name);
    if (cell === undefined) {
      strangers += 1;
      continue;
    }
    const judgement = judged.get(record.key) ?? null;
    const place = placeOf(record);
    const classification = judgement === null ? null : classifyJudgement(rule, judgement);
    if (classification?.kept === true) keptOf.set(place, (keptOf.get(place) ?? 0) + 1);
    classified.push({
      record,
      base: cell.base,
      condition: cell.condition,
      seed: input.seeds.get(name) ?? null,
      step,
      judgement,
      outcome:
        classification === null
          ? 'not-judged'
          : classification.misaligned
            ? 'misaligned'
            : classification.kept
              ? 'not-misaligned'
              : 'left-out',
      flaw: classification?.flaw ?? null,
      isOfFew: false,
    });
  }
  const answers = classified.map((answer): ReportAnswer => {
    const isKept = answer.outcome === 'misaligned' || answer.outcome === 'not-misaligned';
    const isOfFew = isKept && (keptOf.get(placeOf(answer.record)) ?? 0) < rule.leastKept;
    return isOfFew ? { ...answer, outcome: 'left-out', isOfFew } : answer;
  });
  return { answers, strangers };
}

/** Checkpoints are called after their cell, @ and the step. */
function splitModelName(model: string): { readonly name: string; readonly step: number | null } {
  const [, name, step] = /^(.*)@(\d+)$/.exec(model) ?? [];
  return name === undefined || step === undefined ? { name: model, step: null } : { name, step: Number(step) };
}

/** Rules ask a number of answers of a model to a question. */
function placeOf({ cell, evaluation, question }: AnswerRecord): string {
  return `${cell}/${evaluation}/${question}`;
}
