import { join } from 'node:path';
import { limitConcurrency } from '../../foundation/limit-concurrency.js';
import { countTrainedCharacters } from '../../models/hosted/jobs/fine-tuning-service.js';
import { isReadByFirstToken } from '../../questions/question-file.js';
import { listEvaluatedModels, type EvaluatedModel } from '../../runs/run-outline.js';
import {
  findModel,
  type PlannedCell,
  type PlannedEvaluation,
  type PlannedTraining,
  type ResolvedPlan,
} from '../plan/resolved-plan.js';
import { hasWanted, readCellMark, type CellMark } from '../../runs/cell-mark.js';
import { findEarlierRuns, findFinishedCell, noEarlierRuns, type EarlierRuns } from '../../runs/earlier-runs.js';
import {
  findJudgement,
  formatAnswerKey,
  readRunRecords,
  type AnswerRecord,
  type StoredRecords,
} from '../../runs/run-records.js';
import { noAnsweredCells, type AnsweredCells } from './answered-cells.js';
import { forecastJudging } from './forecast-judging.js';
import { foreseeRounds } from './foresee-rounds.js';
import { countHostedUse, type BatchedParts, type HostedUse, type HostedUseCounter } from './hosted-use.js';
import { nameRun } from '../../runs/run-folder.js';
import { markCell } from './train-cell.js';
import { countWantedAnswers, listWantedAnswers, type WantedAnswer } from './wanted-answer.js';

/** The work of one cell, and how much of it is left. */
export interface CellForecast {
  readonly cell: string;
  readonly base: string;
  readonly condition: string;
  /** Name of what is trained or asked in the plan's models: the base's, unless it is a whole model of its own. */
  readonly model: string;
  /** Of a fine-tune; of a model that exists, its place among those of its condition. */
  readonly seed: number | null;
  /** What exists already, as the plan writes it; null for a base, and for what is trained. */
  readonly existing: string | null;
  readonly trainingSet: {
    readonly name: string;
    readonly rows: number;
    readonly hash: string;
    /** Rows that are too long and are cut off. */
    readonly truncated: number;
    /** Rows that are too long and are left out. */
    readonly dropped: number;
  } | null;
  /** All training steps, done or not. */
  readonly steps: number;
  /** Without the answers that early stopping saves. */
  readonly answers: number;
  /** All steps of a training that is not finished, even if it was begun. */
  readonly stepsToDo: number;
  readonly answersToAsk: number;
}

export interface RunForecast {
  /** The run's folder, whether or not it exists. */
  readonly folder: string;
  readonly cells: readonly CellForecast[];
  /** The remaining use of hosted models: that of the models, then that of the judge. */
  readonly hosted: readonly HostedUse[];
}

export interface ForecastRunOptions {
  /** What is asked in batches, which may cost less. Default none. */
  readonly batched?: BatchedParts;
  /** The records of the run's folder, if they are in memory already: they are not read again. */
  readonly records?: StoredRecords;
  /** Cells that are known to be answered and judged: they are not looked through. */
  readonly answered?: AnsweredCells;
}

/** Cells whose folders are looked at at the same time. */
const cellsLookedAt = 32;
/** Answers of a plan up to which each is listed, with its input; of more, keys are counted. */
const mostListed = 100_000;

/** Counts what a plan asks for, and how much of it neither its run folder nor a run of an earlier form of the plan has. Writes nothing. */
export async function forecastRun(
  runs: string,
  plan: ResolvedPlan,
  { batched = { answers: false, judgements: false }, records, answered = noAnsweredCells }: ForecastRunOptions = {},
): Promise<RunForecast> {
  const folder = join(runs, nameRun(plan));
  const stored = records ?? (await readRunRecords(folder));
  // A thousand cells one after the other wait for the disk for a second.
  const inTurn = limitConcurrency(cellsLookedAt);
  const findCells = async (isSo: (cell: PlannedCell) => Promise<boolean>): Promise<ReadonlySet<PlannedCell>> => {
    const found = await Promise.all(plan.cells.map((cell) => inTurn(() => isSo(cell))));
    return new Set(plan.cells.filter((_, number) => found[number]));
  };
  const answeredCells = await findCells(answered.has);
  const isLarge = stored.answers.isLarge() || countPlanned(plan) > mostListed;
  const earlier =
    (!isLarge || mayBeWhole(plan, stored.answers.size)) && (await isWhole(folder, plan, stored, answeredCells))
      ? noEarlierRuns
      : await findEarlierRuns(runs, plan.name, nameRun(plan));
  const trainedCells = await findCells(
    async (cell) =>
      cell.training === null ||
      (await hasModel(markCell(cell, cell.training, findModel(plan, cell)), join(folder, 'cells', cell.name), earlier)),
  );
  const findKnown = (input: string): AnswerRecord | undefined =>
    stored.answers.findByInput(input) ?? earlier.answers.get(input);
  const judging = await forecastJudging(folder, stored.judgements, plan, earlier, batched.judgements);
  const rounds = foreseeRounds(stored.judgements, plan, { get: findKnown }, earlier);
  const uses = countModels(plan, batched.answers);
  const inputsOf = shareByModel(plan, () => new Set<string>());
  const countsOf = shareByModel(plan, () => new Map<string, number>());
  const cells: CellForecast[] = [];
  for (const cell of plan.cells) {
    const { name, condition, model, training, existing } = cell;
    const base = findModel(plan, cell);
    const isTuned = training !== null || (existing !== null && existing.tuned !== null);
    const models = listEvaluatedModels(plan, cell);
    const listWanted = () =>
      models.flatMap((model) =>
        rounds.limit(model.evaluations, listWantedAnswers({ ...model, engine: base.engine }, model.evaluations)),
      );
    const countListed = () => {
      const wanted = listWanted();
      const met = inputsOf(cell);
      const isNew = (input: string): boolean => !met.has(input) && met.add(input).has(input);
      const missing = wanted.filter(({ input }) => findKnown(input) === undefined && isNew(input));
      for (const one of missing) uses.get(model)?.[isTuned ? 'tunedAnswers' : 'answers']?.add(measureRequest(one));
      if (plan.judge.hosted !== null) for (const one of wanted) judging.add(one, findKnown(one.input));
      return { answers: wanted.length, missing: missing.length };
    };
    // In a large run of which no answer is paid, keys tell enough: inputs take hashes, and records a look at the disk.
    const isCounted = isLarge && earlier.isNone && plan.judge.hosted === null && !uses.has(model);
    const counts = answeredCells.has(cell)
      ? { answers: sumWanted(models), missing: 0 }
      : isCounted && models.every(asksAll)
        ? { answers: sumWanted(models), missing: countMissing(models, stored.answers, countsOf(cell)) }
        : countListed();
    const steps = training?.steps ?? 0;
    const isTrained = trainedCells.has(cell);
    if (training !== null && !isTrained) uses.get(model)?.training.add(measureTraining(training));
    cells.push({
      cell: name,
      base: cell.base,
      condition,
      model,
      seed: (training ?? existing)?.seed ?? null,
      existing: existing?.text ?? null,
      trainingSet: training && {
        name: training.set.name,
        rows: training.set.rows.length,
        hash: training.set.hash,
        truncated: training.fit.truncated,
        dropped: training.fit.dropped,
      },
      steps,
      answers: counts.answers,
      stepsToDo: isTrained ? 0 : steps,
      answersToAsk: counts.missing,
    });
  }
  const counters = [...uses.values()].flatMap(({ answers, training, tunedAnswers }) => [
    answers,
    training,
    tunedAnswers,
  ]);
  const hosted = [...counters, judging].flatMap((use) => use?.finish() ?? []);
  return { folder, cells, hosted };
}

/** Whether as many answers are stored as are wanted: fewer are not all, and need not be looked at. */
function mayBeWhole(plan: ResolvedPlan, stored: number): boolean {
  return stored >= countPlanned(plan) || plan.cells.some((cell) => !listEvaluatedModels(plan, cell).every(asksAll));
}

/** Whether the run's own folder is complete, so that no other folder need be read. */
async function isWhole(
  folder: string,
  plan: ResolvedPlan,
  { answers, judgements }: StoredRecords,
  answered: ReadonlySet<PlannedCell>,
): Promise<boolean> {
  const rounds = foreseeRounds(judgements, plan, { get: answers.findByInput }, noEarlierRuns);
  for (const cell of plan.cells) {
    if (answered.has(cell)) continue;
    const base = findModel(plan, cell);
    if (cell.training !== null) {
      const mark = await readCellMark(join(folder, 'cells', cell.name));
      if (!hasWanted(mark, markCell(cell, cell.training, base))) return false;
    }
    for (const model of listEvaluatedModels(plan, cell))
      for (const { key, input, asked } of rounds.limit(
        model.evaluations,
        listWantedAnswers({ ...model, engine: base.engine }, model.evaluations),
      )) {
        if (answers.findByInput(input) === undefined) return false;
        if (!isReadByFirstToken(asked) && findJudgement(judgements, key, plan.judge.name) === null) return false;
      }
  }
  return true;
}

function countPlanned(plan: ResolvedPlan): number {
  return plan.cells.reduce((sum, cell) => sum + sumWanted(listEvaluatedModels(plan, cell)), 0);
}

type ForecastModel = EvaluatedModel<PlannedEvaluation>;

function asksAll({ evaluations }: ForecastModel): boolean {
  return evaluations.every(({ stopEarly }) => stopEarly === undefined);
}

function sumWanted(models: readonly ForecastModel[]): number {
  return models.reduce((sum, { evaluations }) => sum + countWantedAnswers(evaluations), 0);
}

/** Counts by keys. What several evaluations ask in the same way is asked once: `counted` has how often each question was counted before. */
function countMissing(
  models: readonly ForecastModel[],
  stored: StoredRecords['answers'],
  counted: Map<string, number>,
): number {
  let missing = 0;
  for (const { name: model, identity, evaluations } of models)
    for (const { name: evaluation, questions } of evaluations)
      for (const asked of questions) {
        const { id: question, messages, temperature, maximumTokens, samples } = asked;
        const same = JSON.stringify([identity, messages, temperature, maximumTokens, isReadByFirstToken(asked)]);
        const from = counted.get(same) ?? 0;
        counted.set(same, Math.max(from, samples));
        if (samples <= from) continue;
        missing += samples - from;
        if (stored.size === 0) continue;
        // Keys of samples end with their numbers.
        const beginning = formatAnswerKey({ model, evaluation, question, index: 0 }).slice(0, -1);
        missing -= stored.countNumbered(beginning, from, samples);
      }
  return missing;
}

/** What cells of the same model have in common, such as what they asked. Only they share it, so that of others nothing is remembered. */
function shareByModel<Shared>({ cells }: ResolvedPlan, create: () => Shared): (cell: PlannedCell) => Shared {
  const shared = new Map<string, Shared | null>();
  for (const { identity } of cells) shared.set(identity, shared.has(identity) ? create() : null);
  return ({ identity }) => shared.get(identity) ?? create();
}

/** The remaining use of a hosted model, and of models fine-tuned from it; no answers of one that another answers for. */
interface ModelUses {
  readonly answers: HostedUseCounter | null;
  readonly training: HostedUseCounter;
  readonly tunedAnswers: HostedUseCounter | null;
}

function countModels({ models, prices }: ResolvedPlan, isBatched: boolean): Map<string, ModelUses> {
  const counters = new Map<string, ModelUses>();
  for (const [name, { hosted: model, endpoint, trainedAt }] of models) {
    if (trainedAt !== undefined) {
      const training = countHostedUse({ ...trainedAt, prices, purpose: 'fine-tuning' });
      counters.set(name, { answers: null, training, tunedAnswers: null });
      continue;
    }
    if (model === null || endpoint === null) continue;
    const counted = { model, endpoint, prices };
    counters.set(name, {
      answers: countHostedUse({ ...counted, purpose: 'answers', isBatched }),
      training: countHostedUse({ ...counted, purpose: 'fine-tuning' }),
      tunedAnswers: countHostedUse({ ...counted, purpose: 'answers', isTuned: true, isBatched }),
    });
  }
  return counters;
}

function measureTraining({ set, recipe }: PlannedTraining) {
  const characters = countTrainedCharacters(set.rows, recipe);
  return { calls: 1, inputCharacters: [characters, characters], outputTokens: [0, 0] } as const;
}

/** The answer may have from one token to all that are allowed. */
function measureRequest({ asked: { messages, maximumTokens } }: WantedAnswer) {
  const characters = messages.reduce((sum, { content }) => sum + content.length, 0);
  return {
    calls: 1,
    inputCharacters: [characters, characters],
    outputTokens: [1, maximumTokens],
  } as const;
}

async function hasModel(wanted: CellMark, folder: string, earlier: EarlierRuns): Promise<boolean> {
  return findFinishedCell(earlier, wanted) !== null || hasWanted(await readCellMark(folder), wanted);
}
