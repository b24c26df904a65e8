import type { Judge } from '../../judging/judge.js';
import type { BaseModel } from '../../models/open-base-model.js';
import type { Trainer, TrainingProgress, TunedModel } from '../../models/trainer.js';
import { listEvaluatedModels, type EvaluatedModel } from '../plan/list-evaluated-models.js';
import type { PlannedCell, ResolvedPlan } from '../plan/resolved-plan.js';
import type { AnswerRecord } from './answer-record.js';
import { askModel } from './ask-model.js';
import { findEarlierRuns, type EarlierRuns } from './earlier-runs.js';
import { identifyJudgement, judgeAnswer } from './judge-answers.js';
import { keyOfJudgement } from './judgement-record.js';
import { nameRun, openRunFolder, type RunFolder } from './run-folder.js';
import { trainCell } from './train-cell.js';
import { listWantedAnswers, type WantedAnswer } from './wanted-answer.js';

export type RunEvent =
  | ({ readonly kind: 'training-step'; readonly cell: string } & TrainingProgress)
  /** Of one model. */
  | { readonly kind: 'answers-stored'; readonly cell: string; readonly done: number; readonly total: number }
  /** Of the whole plan. */
  | { readonly kind: 'cell-finished'; readonly cell: string; readonly done: number; readonly total: number };

export interface RunPlanSettings {
  readonly plan: ResolvedPlan;
  /** Folder of all runs. */
  readonly runs: string;
  readonly judge: Judge;
  readonly signal?: AbortSignal;
  readonly onEvent: (event: RunEvent) => void;
  readonly onNotice: (notice: string) => void;
}

/** What a call did, and what had been done before. */
export interface RunSummary {
  readonly folder: string;
  readonly cells: { readonly trained: number; readonly reused: number; readonly there: number };
  readonly answers: { readonly asked: number; readonly reused: number; readonly there: number };
  readonly judgements: { readonly made: number; readonly reused: number; readonly there: number };
}

type Tally = { [Part in 'cells' | 'answers' | 'judgements']: Record<string, number> };

/**
 * Trains, asks and judges what a plan wants and its run folder does not have. Kill it at any moment and call it again: nothing that
 * was stored is done again, and the files come out the same. What a run of an earlier form of the plan has is taken over.
 */
export async function runPlan(settings: RunPlanSettings): Promise<RunSummary> {
  const { plan, runs, onEvent, onNotice } = settings;
  const folder = await openRunFolder(runs, plan, { onNotice });
  try {
    let earlier: Promise<EarlierRuns> | null = null;
    const context: RunContext = {
      ...settings,
      folder,
      // Read only where something is missing.
      earlier: () => (earlier ??= findEarlierRuns(runs, plan.name, nameRun(plan))),
      tally: {
        cells: { trained: 0, reused: 0, there: 0 },
        answers: { asked: 0, reused: 0, there: 0 },
        judgements: { made: 0, reused: 0, there: 0 },
      },
    };
    const wanted: WantedAnswer[] = [];
    for (const [name, base] of plan.bases) {
      const openTrainer = rememberTrainer(base);
      for (const cell of plan.cells.filter((one) => one.base === name)) {
        for (const model of await makeModels(context, cell, openTrainer))
          wanted.push(...(await evaluateModel(context, base, model)));
        const done = plan.cells.indexOf(cell) + 1;
        onEvent({ kind: 'cell-finished', cell: cell.name, done, total: plan.cells.length });
      }
    }
    await arrangeFiles(folder, wanted, settings.judge);
    const { cells, answers, judgements } = context.tally;
    // Filled above, with these keys.
    return { folder: folder.folder, cells, answers, judgements } as RunSummary;
  } finally {
    await folder.close();
  }
}

interface RunContext extends Omit<RunPlanSettings, 'runs'> {
  readonly folder: RunFolder;
  readonly earlier: () => Promise<EarlierRuns>;
  readonly tally: Tally;
}

/** A model that is there to be asked. */
interface MadeModel extends EvaluatedModel {
  readonly tuned: TunedModel | null;
}

function rememberTrainer({ openTrainer }: BaseModel): () => Promise<Trainer> {
  let trainer: Promise<Trainer> | null = null;
  return () => {
    // The plan was refused if there is none.
    if (openTrainer === null) throw new Error('a cell of a base that cannot be trained');
    return (trainer ??= openTrainer());
  };
}

async function makeModels(
  context: RunContext,
  cell: PlannedCell,
  openTrainer: () => Promise<Trainer>,
): Promise<MadeModel[]> {
  const { plan, folder, earlier, signal, onEvent, tally } = context;
  const { name, training } = cell;
  const models = listEvaluatedModels(plan, cell);
  if (training === null) return models.map((one) => ({ ...one, tuned: null }));
  const { model, kept, how } = await trainCell(cell, training, folder.cellFolder(name), {
    openTrainer,
    earlier,
    ...(signal === undefined ? {} : { signal }),
    onStep: (progress) => {
      onEvent({ kind: 'training-step', cell: name, ...progress });
    },
  });
  count(tally.cells, how === 'trained' ? 'trained' : how === 'earlier' ? 'reused' : 'there');
  return models.map((one) => ({ ...one, tuned: one.step === null ? model : (kept.get(one.step) ?? model) }));
}

/** Asks a model what is missing, and judges what is not judged. Returns everything that is wanted of it. */
async function evaluateModel(context: RunContext, base: BaseModel, model: MadeModel): Promise<WantedAnswer[]> {
  const { folder, signal, onEvent, tally } = context;
  const wanted = listWantedAnswers(model.name, model.identity, model.evaluations);
  let missing = wanted.filter(({ key }) => !folder.answers.records.has(key));
  count(tally.answers, 'there', wanted.length - missing.length);
  if (missing.length > 0) {
    const { answers } = await context.earlier();
    const found = missing.flatMap(({ key, cell, evaluation, variant, input }) => {
      const record = answers.get(input);
      return record === undefined ? [] : [{ ...record, key, cell, evaluation, variant }];
    });
    await folder.answers.append(...found);
    count(tally.answers, 'reused', found.length);
    missing = missing.filter(({ key }) => !folder.answers.records.has(key));
  }
  if (missing.length > 0) {
    const sampler = await base.openSampler(model.tuned);
    let done = wanted.length - missing.length;
    try {
      const store = async (records: readonly AnswerRecord[]): Promise<void> => {
        await folder.answers.append(...records);
        done += records.length;
        count(tally.answers, 'asked', records.length);
        onEvent({ kind: 'answers-stored', cell: model.name, done, total: wanted.length });
      };
      await askModel(sampler, missing, store, signal === undefined ? {} : { signal });
    } finally {
      await sampler.close();
    }
  }
  await judgeWanted(context, wanted);
  return wanted;
}

async function judgeWanted(
  { folder, judge, earlier, tally }: RunContext,
  wanted: readonly WantedAnswer[],
): Promise<void> {
  const judged = new Set(
    [...folder.judgements.records.values()].filter((one) => one.judge === judge.name).map(({ answer }) => answer),
  );
  const answers = wanted.flatMap((one) => {
    const record = folder.answers.records.get(one.key);
    return record === undefined || judged.has(one.key) ? [] : [{ wanted: one, record }];
  });
  count(tally.judgements, 'there', wanted.length - answers.length);
  if (answers.length === 0) return;
  const { judgements } = await earlier();
  const made = [];
  for (const answer of answers) {
    const found = judgements.get(identifyJudgement(judge.name, answer));
    count(tally.judgements, found === undefined ? 'made' : 'reused');
    made.push(found === undefined ? await judgeAnswer(judge, answer) : { ...found, answer: answer.record.key });
  }
  await folder.judgements.append(...made);
}

/** The order of the plan, whatever order answers came in: the same plan makes the same bytes. */
async function arrangeFiles(
  { answers, judgements }: RunFolder,
  wanted: readonly WantedAnswer[],
  judge: Judge,
): Promise<void> {
  await answers.arrange(wanted.map(({ key }) => key));
  const keys = new Map(
    [...judgements.records.values()]
      .filter((one) => one.judge === judge.name)
      .map((one) => [one.answer, keyOfJudgement(one)]),
  );
  await judgements.arrange(wanted.flatMap(({ key }) => keys.get(key) ?? []));
}

function count(tally: Record<string, number>, name: string, by = 1): void {
  tally[name] = (tally[name] ?? 0) + by;
}
