import {
  addToTally,
  classifyJudgement,
  createRuleTally,
  leaveOutFew,
  requireOneJudge,
  type Classification,
  type QuestionOutcome,
  type RuleTally,
} from '../judging/apply-rule.js';
import { findRule, type RuleName } from '../judging/rules.js';
import { listEvaluatedModels } from '../runs/run-outline.js';
import type { AnswerRecord, JudgementRecord } from '../runs/run-records.js';
import type { ShareCounts } from '../stats/share-counts.js';
import type { AnalysisInput, AnalysisOptions } from './analysis-input.js';
import type { MeasuredOutcome } from './measures.js';

/** A model of the run: a base, a fine-tune, or one of its checkpoints. */
interface CountedModel {
  /** The cell, with @ and the step for a checkpoint. */
  readonly name: string;
  readonly base: string;
  readonly condition: string;
  /** Of the fine-tune; null for the base. */
  readonly seed: number | null;
  /** Of a checkpoint; null for a finished model and a base. */
  readonly step: number | null;
}

/** What became of an answer by the rule: in the share, misaligned or not; left out of it; or not looked at by the judge. */
type AnswerOutcome = 'misaligned' | 'not-misaligned' | 'left-out' | 'not-judged';

/** An answer with what one judge and a rule make of it. */
export interface ClassifiedAnswer {
  readonly record: AnswerRecord;
  readonly model: CountedModel;
  /** Which question it replies to, as it was asked: `evaluation/id`. */
  readonly asked: string;
  /** Null where the judge has not looked at it. */
  readonly judgement: JudgementRecord | null;
  readonly outcome: AnswerOutcome;
  readonly flaw: Classification['flaw'];
  /** Whether it is left out only because its question has too few answers that count. */
  readonly isOfFew: boolean;
}

/** What became of one model's answers to one question: all numbers of a run are sums of these. */
export interface QuestionTally {
  readonly model: CountedModel;
  readonly evaluation: string;
  readonly question: string;
  /** Of the judged answers, by the rule. */
  readonly outcome: QuestionOutcome;
  readonly notJudged: number;
  /** Judged answers by label. */
  readonly labels: ReadonlyMap<string, number>;
}

export interface CountedRun {
  readonly judge: string;
  readonly rule: RuleName;
  /** In the order in which they are stored. */
  readonly answers: readonly ClassifiedAnswer[];
  /** By model, evaluation and question, in the order of their first answers. */
  readonly tallies: readonly QuestionTally[];
  /** Answers of models that the plan does not have; they are counted nowhere else. */
  readonly strangers: number;
}

interface GrowingTally extends Pick<QuestionTally, 'model' | 'evaluation' | 'question'> {
  readonly counts: RuleTally;
  notJudged: number;
  readonly labels: Map<string, number>;
}

/** Classifies every answer of a run by one judge and a rule, and counts them by model and question. A judge that judged in two modes is `usage-invalid`. */
export function countRun(input: AnalysisInput, options: AnalysisOptions = {}): CountedRun {
  const { judge = input.ownJudge, rule: ruleName = input.plan.rule } = options;
  const rule = findRule(ruleName);
  const models = listModels(input);
  const judged = findJudgements(input, judge);
  requireOneJudge(judged.values());

  const growing = new Map<string, GrowingTally>();
  const classified: { readonly answer: ClassifiedAnswer; readonly tally: GrowingTally }[] = [];
  let strangers = 0;
  for (const record of input.answers) {
    const model = models.get(record.cell);
    if (model === undefined) {
      strangers += 1;
      continue;
    }
    const tally = findTally(growing, model, record);
    const judgement = judged.get(record.key) ?? null;
    const classification = judgement === null ? null : classifyJudgement(rule, judgement);
    if (judgement === null || classification === null) tally.notJudged += 1;
    else {
      addToTally(tally.counts, classification);
      for (const label of judgement.labels) tally.labels.set(label, (tally.labels.get(label) ?? 0) + 1);
    }
    classified.push({
      answer: {
        record,
        model,
        asked: record.key.slice(record.cell.length + 1, -`/${String(record.index)}`.length),
        judgement,
        outcome: nameOutcome(classification),
        flaw: classification?.flaw ?? null,
        isOfFew: false,
      },
      tally,
    });
  }

  const outcomes = new Map([...growing.values()].map((tally) => [tally, leaveOutFew(rule, tally.counts)]));
  return {
    judge,
    rule: ruleName,
    answers: classified.map(({ answer, tally }): ClassifiedAnswer => {
      const isKept = answer.outcome === 'misaligned' || answer.outcome === 'not-misaligned';
      const isOfFew = isKept && (outcomes.get(tally)?.leftOut ?? 0) > 0;
      return isOfFew ? { ...answer, outcome: 'left-out', isOfFew } : answer;
    }),
    tallies: [...outcomes].map(([{ model, evaluation, question, notJudged, labels }, outcome]) => ({
      ...{ model, evaluation, question, outcome, notJudged, labels },
    })),
    strangers,
  };
}

/** How many of a tally's answers count by a measure, of how many. */
export function countTally(measured: MeasuredOutcome, { outcome, labels }: QuestionTally): ShareCounts {
  if (measured.kind === 'label') return { successes: labels.get(measured.label) ?? 0, trials: outcome.generated };
  if (measured.kind === 'incoherent')
    return { successes: outcome.incoherent + outcome.nullCoherent, trials: outcome.generated };
  return { successes: outcome.misaligned, trials: outcome.kept };
}

/** Judgements of one judge by the keys of their answers. */
export function findJudgements(
  { judgements }: Pick<AnalysisInput, 'judgements'>,
  judge: string,
): ReadonlyMap<string, JudgementRecord> {
  const found = new Map<string, JudgementRecord>();
  for (const record of judgements) if (record.judge === judge) found.set(record.answer, record);
  return found;
}

function listModels({ plan, seeds }: AnalysisInput): ReadonlyMap<string, CountedModel> {
  return new Map(
    plan.cells.flatMap((cell) =>
      listEvaluatedModels(plan, cell).map(({ name, step }) => {
        const { base, condition } = cell;
        return [name, { name, base, condition, seed: seeds.get(cell.name) ?? null, step }] as const;
      }),
    ),
  );
}

function findTally(
  growing: Map<string, GrowingTally>,
  model: CountedModel,
  { evaluation, question }: AnswerRecord,
): GrowingTally {
  const place = `${model.name}/${evaluation}/${question}`;
  const found = growing.get(place);
  if (found !== undefined) return found;
  const tally = { model, evaluation, question, counts: createRuleTally(), notJudged: 0, labels: new Map() };
  growing.set(place, tally);
  return tally;
}

function nameOutcome(classification: Classification | null): AnswerOutcome {
  if (classification === null) return 'not-judged';
  return classification.misaligned ? 'misaligned' : classification.kept ? 'not-misaligned' : 'left-out';
}
