import { join } from 'node:path';
import type { ResolvedPlan } from '../plan/resolved-plan.js';
import { answerRecordSchema } from './answer-record.js';
import { judgementRecordSchema } from './judgement-record.js';
import { readRecords } from './earlier-runs.js';
import { summariseRun, type SummaryRow } from './summarise-run.js';

/** What a finished run's folder has, as a table. */
export async function readRunSummary(folder: string, plan: ResolvedPlan, judge: string): Promise<SummaryRow[]> {
  const answers = await collect(readRecords(join(folder, 'answers.jsonl'), answerRecordSchema));
  const judgements = await collect(readRecords(join(folder, 'judgements.jsonl'), judgementRecordSchema));
  return summariseRun(plan, answers, judgements, { judge, rule: plan.rule });
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}
