import { listEvaluatedModels } from '../runs/run-outline.js';
import type { AnalysisInput, CountedRun } from './count-run.js';
import { listStoppedModels, type StoppedModel } from './watch-share.js';

/** Progress of a run. */
export interface RunState {
  readonly isGoing: boolean;
  /** Without the answers that early stopping saved. */
  readonly answersWanted: number;
  readonly stopped: readonly StoppedModel[];
  readonly answersStored: number;
  /** Those that need no judge among them. */
  readonly answersJudged: number;
  readonly trainingsWanted: number;
  readonly trainingsFinished: number;
}

/** Whether all that a run wants is trained, asked and judged. */
export function isWhole(state: Omit<RunState, 'isGoing' | 'stopped'>): boolean {
  const { answersWanted, answersStored, answersJudged, trainingsFinished, trainingsWanted } = state;
  return answersStored >= answersWanted && answersJudged === answersStored && trainingsFinished === trainingsWanted;
}

export function findRunState(input: AnalysisInput, counted: CountedRun): RunState {
  const { plan, wantedAnswers, finished, isGoing } = input;
  const wanted = plan.cells
    .flatMap((cell) => listEvaluatedModels(plan, cell))
    .flatMap(({ evaluations }) => evaluations.map(({ name }) => wantedAnswers.get(name) ?? 0));
  const trainings = plan.cells.filter(({ training }) => training !== null);
  const stopped = listStoppedModels(input, counted);
  const saved = stopped.reduce((sum, one) => sum + one.planned - one.answers, 0);
  return {
    isGoing,
    answersWanted: wanted.reduce((sum, count) => sum + count, 0) - saved,
    stopped,
    answersStored: counted.answers.length + counted.firstTokens.length,
    answersJudged: counted.judged + counted.firstTokens.length,
    trainingsWanted: trainings.length,
    trainingsFinished: trainings.filter(({ name }) => finished.has(name)).length,
  };
}
