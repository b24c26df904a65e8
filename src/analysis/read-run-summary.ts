import { join } from 'node:path';
import type { RuleName } from '../judging/rules.js';
import type { PlanOutline } from '../runs/run-outline.js';
import { answerRecordSchema, judgementRecordSchema, type JudgementRecord } from '../runs/run-records.js';
import { readRecords } from '../runs/earlier-runs.js';
import { pairAnswers } from './judged-answers.js';
import { summariseDynamics, type DynamicsRow } from './summarise-dynamics.js';
import { summariseRun, type SummaryRow } from './summarise-run.js';

export interface RunTables {
  readonly rows: readonly SummaryRow[];
  readonly dynamics: readonly DynamicsRow[];
}

/** What a run's folder has of one judge, as tables by a rule: the plan's if none is given. */
export async function readRunSummary(
  folder: string,
  plan: PlanOutline,
  judge: string,
  rule: RuleName = plan.rule,
): Promise<RunTables> {
  const answers = await collect(readRecords(join(folder, 'answers.jsonl'), answerRecordSchema));
  const judgements = await readJudgements(folder);
  const judged = pairAnswers(answers, judgements, judge);
  return { rows: summariseRun(plan, judged, rule), dynamics: summariseDynamics(plan, judged, rule) };
}

/** All judgements of a run, of whichever judge, in the order of the file. */
export function readJudgements(folder: string): Promise<JudgementRecord[]> {
  return collect(readRecords(join(folder, 'judgements.jsonl'), judgementRecordSchema));
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
