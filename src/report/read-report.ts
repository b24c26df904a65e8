import { analyseCounts } from '../analysis/analyse-run.js';
import { inputOfRun, type AnalysisOptions } from '../analysis/analysis-input.js';
import { countRun, type ClassifiedAnswer } from '../analysis/count-run.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { nearestName } from '../foundation/find-by-name.js';
import { readRun, type Run } from '../runs/read-run.js';
import { describeRun, type ReportData } from './report-data.js';

/** A run as its report has it: the numbers, and the answers behind them. */
export interface Report {
  readonly data: ReportData;
  readonly answers: readonly ClassifiedAnswer[];
  readonly run: Run;
}

/** Reads a run folder, whole or not, and counts what is there. A judge that judged nothing there is `usage-invalid`. */
export async function readReport(folder: string, options: AnalysisOptions = {}): Promise<Report> {
  return makeReport(await readRun(folder), options);
}

/** The same of a run that is read already. */
export function makeReport(run: Run, options: AnalysisOptions = {}): Report {
  const { judge } = options;
  const input = inputOfRun(run);
  if (judge !== undefined) requireJudge(run.folder, judge, new Set(input.judgements.map((one) => one.judge)));
  const counted = countRun(input, options);
  return { data: describeRun(run, analyseCounts(input, counted)), answers: counted.answers, run };
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
