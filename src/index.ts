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
} from './api/open-experiment.js';
export type { PlanInput } from './experiment/plan/plan-schema.js';
export type { RunForecast } from './experiment/run/forecast-run.js';
export type { RunSummary } from './experiment/run/run-plan.js';
export type { RunEvent } from './experiment/run/run-progress.js';

export { judgeAgain as rejudge, type Rejudgement, type RejudgeOptions } from './api/judge-again.js';

export { readRun, type Run } from './runs/read-run.js';
export type { AnswerRecord, JudgementRecord } from './runs/run-records.js';
export { parseAnswerKey, parseModelName, type AnswerPlace } from './runs/run-records.js';

export {
  analyse,
  compareStoredRuns as compare,
  countResults,
  reportRun as report,
  tabulate,
  type CountOptions,
} from './api/analyse.js';
export type { RunAnalysis } from './analysis/analyse-run.js';
export type { RunComparison } from './analysis/compare-runs.js';
export type { RunTables } from './analysis/summarise-run.js';
export type { ResultGroup } from './results/summarise-results.js';

export { createJudge, type OwnJudgeSettings, type OwnVerdict } from './judging/own-judge.js';
export type { Judge, JudgedAnswer, Judgement } from './judging/judge.js';
export { ruleNames, type RuleName } from './judging/rules.js';
export { openHostedJudge, type HostedJudgeSettings } from './models/hosted/chat/open-hosted-judge.js';

export { openModelSampler, type OpenModelSamplerOptions } from './models/open-model-sampler.js';
export { openBaseModel, type BaseModel, type OpenBaseModelOptions } from './models/open-base-model.js';
export type { OwnModel } from './models/own-model.js';
export type { Answer, Sampler, SamplingRequest } from './models/sampler.js';
export type { Trainer, TrainingJob, TrainingResult, TunedModel } from './models/trainer.js';

export type { TrainingRow } from './data/training-set.js';
export type { Measure, Question, QuestionFile } from './questions/question-file.js';
