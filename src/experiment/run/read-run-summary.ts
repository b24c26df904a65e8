import { join } from 'node:path';
import type { ResolvedPlan } from '../plan/resolved-plan.js';
import { answerRecordSchema } from './answer-record.js';
import { readRecords } from './earlier-runs.js';
import { pairAnswers } from './judged-answers.js';
import { judgementRecordSchema } from './judgement-record.js';
import { summariseDynamics, type DynamicsRow } from './summarise-dynamics.js';
import { summariseRun, type SummaryRow } from './summarise-run.js';

export interface RunTables {
  readonly rows: readonly SummaryRow[];
  readonly dynamics: readonly DynamicsRow[];
}

/** What a run's folder has, as tables. */
export async function readRunSummary(folder: string, plan: ResolvedPlan, judge: string): Promise<RunTables> {
  const answers = await collect(readRecords(join(folder, 'answers.jsonl'), answerRecordSchema));
  const judgements = await collect(readRecords(join(folder, 'judgements.jsonl'), judgementRecordSchema));
  const judged = pairAnswers(answers, judgements, judge);
  return { rows: summariseRun(plan, judged, plan.rule), dynamics: summariseDynamics(plan, judged, plan.rule) };
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
