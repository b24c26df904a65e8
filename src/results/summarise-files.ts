import { DriftlineError } from '../foundation/driftline-error.js';
import type { Rule, RuleName } from '../judging/rules.js';
import { compareModels, type ModelComparison } from './compare-models.js';
import type { CountedFile } from './count-result-file.js';
import { describeFindings, describeNothingKept, describeOverlaps } from './describe-findings.js';
import { ruleScale, type ScoreScale } from './score-scale.js';
import { summariseFile, summariseGroups, type ResultGroup, type ResultGrouping } from './summarise-results.js';

/** What the intervals of a group are about. */
export const resultPopulations = {
  wilson95: 'these questions',
  clusterInterval95: 'questions like these',
  clusterBootstrap95: 'questions like these',
} as const;

/** Files of results, counted: plain JSON, as `driftline score --json` prints it. */
export interface ResultSummary {
  readonly rule: RuleName;
  readonly scale: ScoreScale;
  /** The total of each file, then the groups of each. */
  readonly groups: readonly ResultGroup[];
  /** Of models with the one of `against`; empty unless answers are grouped by model. */
  readonly comparisons: readonly ModelComparison[];
  /** What the intervals of a group are about. */
  readonly populations: typeof resultPopulations;
  /** What readers should know about the numbers, a sentence or two each. */
  readonly warnings: readonly string[];
}

interface SummarySettings {
  readonly rule: Rule;
  readonly by: ResultGrouping | null;
  readonly against?: string | undefined;
  readonly seed: number;
}

/** Totals, groups and differences of files that are counted. Without a column of models, grouping by model is `usage-invalid`. */
export function summariseFiles(
  counted: readonly CountedFile[],
  { rule, by, against, seed }: SummarySettings,
): ResultSummary {
  if (by === 'model') counted.forEach(requireModels);
  const totals = counted.map(({ file, questions }) => summariseFile(questions, { file, rule, seed }));
  const groups = counted.flatMap(({ file, questions }) =>
    by === null ? [] : summariseGroups(questions, by, { file, rule, seed }),
  );
  return {
    rule: rule.name,
    scale: counted[0]?.scale ?? ruleScale,
    groups: [...totals, ...groups],
    comparisons: counted.flatMap(({ file, questions }) =>
      by === 'model' ? compareModels(questions, { file, rule, against }) : [],
    ),
    populations: resultPopulations,
    warnings: [
      ...counted.flatMap(describeFindings),
      ...totals.flatMap((total) => describeNothingKept(total, rule.name)),
      ...describeOverlaps(counted),
    ],
  };
}

function requireModels({ file, form, findings }: CountedFile): void {
  if (form.hasModels) return;
  const [near] = findings.likeModels;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${file} has no column "model"`,
    hint:
      near === undefined
        ? 'Leave --by model out, or give each model a file of its own.'
        : `Rename the column ${JSON.stringify(near.column)} to "model", if it says whose answers they are.`,
    details: { file },
  });
}
