/** `driftline`: what the command line does, from code. */

export { DriftlineError, type DriftlineErrorOptions } from './foundation/driftline-error.js';
export { errorCodes, type ErrorCode } from './foundation/error-codes.js';

export {
  openExperiment,
  type Experiment,
  type ExperimentEvent,
  type ExperimentForecast,
  type ExperimentOptions,
  type ExperimentResult,
  type ExperimentRunOptions,
  type RunStarted,
} from './api/open-experiment.js';
export type { GivenParts, SuiteInput } from './api/given-parts.js';
export type { PlanInput } from './experiment/plan/plan-schema.js';
export type { ExistingModel, ResolvedPlan } from './experiment/plan/resolved-plan.js';
export type { ChosenCellsAtOnce } from './experiment/run/choose-cells-at-once.js';
export type { MemoryForecast } from './experiment/run/forecast-memory.js';
export type { CellForecast, RunForecast } from './experiment/run/forecast-run.js';
export type { HostedUse } from './experiment/run/hosted-use.js';
export type { FailedTraining, RunSummary } from './experiment/run/run-plan.js';
export type { JudgingProgress, RunEvent, RunTally } from './experiment/run/run-progress.js';
export type { StoppedModel } from './analysis/watch-share.js';
export type { SpendingLine, SpendingSummary } from './models/hosted/spending/summarise-spending.js';

export { auditModel as audit, type AuditOptions, type AuditResult } from './api/audit.js';
export { calibrateAudit, type CalibrateOptions, type CalibrateResult } from './api/calibrate-audit.js';
export type { AuditFile } from './detect/audit/audit-file.js';
export type { AuditLook } from './detect/audit/ask-contexts.js';

export { watchFolder as watch, type WatchOptions, type WatchResult } from './api/watch.js';
export type { WatchEvent } from './detect/watch/run-watch.js';
export type { WatchFile, WatchPoint } from './detect/watch/watch-file.js';
export type { Clock } from './foundation/clock.js';
export { screenData, type ScreenOptions, type ScreenResult } from './api/screen.js';
export type { ScreenedRow, ScreenFile } from './detect/screen/screen-file.js';
export type { ScreenProgress } from './detect/screen/screen-settings.js';
export type { DriftForecast } from './detect/detectors/forecast-drift.js';

export { judgeAgain as rejudge, type Rejudgement, type RejudgeOptions } from './api/judge-again.js';
export type { HostedPrice } from './models/hosted/spending/hosted-prices.js';
export type { BatchProgress, BatchSettings } from './models/hosted/batches/batch-settings.js';

export { readRun, type ReadRunOptions, type Run } from './runs/read-run.js';
export {
  listModels,
  type ListedModel,
  type ModelFilter,
  type ModelList,
  type TunedModelPlace,
  type SkippedRun,
} from './runs/list-models.js';
export type { RunManifest, StoredRun } from './runs/run-manifest.js';
export type { AskedQuestion } from './runs/run-outline.js';
export type { TrainingPoint } from './runs/training-curve.js';
export type { LockOwner } from './foundation/lock-folder.js';
export type { AnswerRecord, JudgementRecord, RunRecords } from './runs/run-records.js';
export { parseAnswerKey, parseModelName, type AnswerPlace, type ModelOfCell } from './runs/run-records.js';

export {
  analyse,
  compareStoredRuns as compare,
  countResults,
  reportRun as report,
  tabulate,
  type CountOptions,
  type CountResultsOptions,
  type ModelOfRun,
} from './api/analyse.js';
export { gateStoredRun as gate, gateStoredRuns as gateRuns } from './api/gate.js';
export type { GatedRow, GateResult } from './analysis/gate.js';
export type { GateVerdict } from './analysis/gate-bounds.js';
export type { LedgerPlace } from './runs/gate-ledger.js';
export type { Settlement } from './analysis/settle-gate.js';
export type { GateOptions, GatePopulation } from './runs/gate-options.js';
export type { AnalysedCondition, AnalysedEvaluation, DynamicsCurve, RunAnalysis } from './analysis/analyse-run.js';
export type { Concentration, MeasureRow, RowPlace } from './analysis/measure-rows.js';
export type { GroupRow } from './analysis/pool-groups.js';
export type {
  FirstTokenPlace,
  FirstTokenRows,
  NextTokenRow,
  RatingRow,
  TokenShare,
} from './analysis/read-first-tokens.js';
export type { ComparedGroup, ComparedNextToken, ComparedRating } from './analysis/compare-pooled.js';
export type { Drift, DriftVerdict } from './analysis/drift.js';
export type { SeedIntervals, ShareEstimate } from './analysis/estimate.js';
export type { BaseVerdict } from './analysis/verdict.js';
export type { Caveat, CaveatRow } from './analysis/caveats.js';
export type { RunState } from './analysis/run-state.js';
export type { JudgeAgreement } from './analysis/compare-judges.js';
export type { ScoreCloud } from './analysis/bin-scores.js';
export type { ComparedRow, RunComparison } from './analysis/compare-runs.js';
export type { PlanDifference } from './analysis/plan-differences.js';
export type { SelectedModel } from './analysis/select-model.js';
export type { AnswerSummary, DynamicsRow, RunTables, SummaryRow } from './analysis/summarise-run.js';
export type { WrittenReport } from './report/write-report.js';
export type { ResultSummary } from './results/summarise-files.js';
export type { ModelComparison } from './results/compare-models.js';
export type { ResampledInterval, ResultGroup, ResultGrouping } from './results/summarise-results.js';

export { createJudge, type OwnJudgeSettings, type OwnVerdict } from './judging/own-judge.js';
export type { Judge, JudgedAnswer, JudgedMessage } from './judging/judge.js';
export type { Judgement, JudgementDetail, JudgeMode } from './judging/judge.js';
export { ruleNames, type RuleName } from './judging/rules.js';
export { openHostedJudge, type HostedJudgeSettings } from './models/hosted/chat/open-hosted-judge.js';

export { openModelSampler, type OpenModelSamplerOptions } from './models/open-model-sampler.js';
export type { BaseModel } from './models/base-model.js';
export { openBaseModel, type OpenBaseModelOptions } from './models/open-base-model.js';
export type {
  AdaptedReference,
  HostedReference,
  ModelReference,
  OwnReference,
  WholeReference,
  WrittenModel,
} from './models/model-reference.js';
export type {
  Inside,
  InsideAnswer,
  InsideOptions,
  InsideQuestion,
  InsideText,
  LikelyToken,
  ScoredText,
  SpelledToken,
  TextScore,
} from './models/inside.js';
export type { OwnModel } from './models/own-model.js';
export type { Answer, Sampler, SamplingOptions, SamplingRequest } from './models/sampler.js';
export type { Trainer, TrainingJob, TrainingProgress, TrainingResult, TunedModel } from './models/trainer.js';
export type { Recipe } from './engine/train/recipe.js';

export type { TrainingMessage, TrainingRow } from './data/training-set.js';
export type { Measure, QuestionMessage, QuestionType } from './questions/question-file.js';
