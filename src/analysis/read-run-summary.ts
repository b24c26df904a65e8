import type { RuleName } from '../judging/rules.js';
import type { PlanOutline } from '../runs/run-outline.js';
import type { RunRecords } from '../runs/run-records.js';
import { pairAnswers } from './judged-answers.js';
import { summariseDynamics, type DynamicsRow } from './summarise-dynamics.js';
import { summariseRun, type SummaryRow } from './summarise-run.js';

export interface RunTables {
  readonly rows: readonly SummaryRow[];
  readonly dynamics: readonly DynamicsRow[];
}

/** What a run has of one judge, as tables by a rule: the plan's if none is given. */
export function summariseRecords(
  { answers, judgements }: RunRecords,
  plan: PlanOutline,
  judge: string,
  rule: RuleName = plan.rule,
): RunTables {
  const judged = pairAnswers(answers.values(), judgements.values(), judge);
  return { rows: summariseRun(plan, judged, rule), dynamics: summariseDynamics(plan, judged, rule) };
}
