import { nameOwnJudge } from '../runs/stored-run.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { nearestName } from '../foundation/find-by-name.js';
import type { RuleName } from '../judging/rules.js';
import { nameExactJudge } from '../organism/judge/exact-judge.js';
import { readWorld } from '../organism/world/read-world.js';
import { buildReportData, readSeeds } from './build-report-data.js';
import { classifyAnswers } from '../analysis/classify-answers.js';
import type { ReportAnswer } from '../analysis/report-answer.js';
import type { ReportData } from './report-data.js';
import { readRunContent, type RunContent } from '../runs/read-run.js';

export interface ReadReportOptions {
  /** Whose judgements count; the judge of the run's plan if not given. */
  readonly judge?: string | undefined;
  /** The plan's if not given. */
  readonly rule?: RuleName | undefined;
}

/** A run as its report has it: the numbers, and the answers behind them. */
export interface Report {
  readonly data: ReportData;
  readonly answers: readonly ReportAnswer[];
  readonly content: RunContent;
}

/** Reads a run folder, whole or not, and counts what is there. A judge that judged nothing there is `usage-invalid`. */
export async function readReport(folder: string, { judge, rule }: ReadReportOptions = {}): Promise<Report> {
  const content = await readRunContent(folder);
  const { run, description, answers, judgements } = content;
  const counted = judge ?? run.judge ?? nameOwnJudge(run, judgements, nameExactJudge(await readWorld()));
  if (judge !== undefined) requireJudge(folder, judge, new Set(judgements.map((one) => one.judge)));
  const ruleName = rule ?? run.rule;
  const classified = classifyAnswers({
    cells: run.cells,
    seeds: readSeeds(description.cells),
    answers,
    judgements,
    judge: counted,
    rule: ruleName,
  });
  const data = buildReportData({ content, ...classified, judge: counted, rule: ruleName });
  return { data, answers: classified.answers, content };
}

function requireJudge(folder: string, judge: string, known: ReadonlySet<string>): void {
  if (known.has(judge)) return;
  const nearest = nearestName(judge, [...known]);
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${judge} has judged nothing in ${folder}${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`,
    hint:
      known.size === 0
        ? 'Nothing is judged there yet: run its plan again.'
        : `Judges are ${[...known].join(', ')}; driftline rejudge adds another.`,
  });
}
