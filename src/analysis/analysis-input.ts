import type { RuleName } from '../judging/rules.js';
import type { Run } from '../runs/read-run.js';
import type { OutlinedCell, PlanOutline } from '../runs/run-outline.js';
import type { AnswerRecord, JudgementRecord } from '../runs/run-records.js';
import { readSeeds } from '../runs/run-manifest.js';

/** What an analysis takes of a run. All of it is in memory: nothing here is read from a file. */
export interface AnalysisInput {
  readonly plan: Pick<PlanOutline, 'bases' | 'cells' | 'evaluations' | 'dynamics' | 'rule'>;
  /** Whose judgements decide when asking stops early, and count where no judge is named. */
  readonly ownJudge: string;
  /** Seeds of fine-tunes by the names of cells; bases have none. */
  readonly seeds: ReadonlyMap<string, number>;
  /** Answers that the plan wants of each model, by evaluation. */
  readonly wantedAnswers: ReadonlyMap<string, number>;
  /** As they were put to models, by `evaluation/id`; empty where that is not known. */
  readonly questions: ReadonlyMap<string, AskedWording>;
  readonly answers: readonly AnswerRecord[];
  /** Of all judges. */
  readonly judgements: readonly JudgementRecord[];
  /** Losses of trainings, step by step, by the names of cells. */
  readonly losses: ReadonlyMap<string, readonly number[]>;
  /** Cells whose training is finished. */
  readonly finished: ReadonlySet<string>;
  readonly isGoing: boolean;
  /** What of the run could not be used, in words. */
  readonly faults: readonly string[];
}

interface AskedWording {
  readonly id: string;
  readonly question: string;
  readonly messages: readonly { readonly content: string }[];
}

/** Whose judgements count, and by which rule. */
export interface AnalysisOptions {
  /** The run's own if not given. */
  readonly judge?: string | undefined;
  /** The plan's if not given. */
  readonly rule?: RuleName | undefined;
}

/** A stored run as an analysis takes it. */
export function inputOfRun(run: Run): AnalysisInput {
  const { evaluations, dynamics } = run.manifest;
  return {
    plan: run,
    ownJudge: run.judge,
    seeds: readSeeds(run),
    wantedAnswers: new Map(
      [...evaluations, ...(dynamics === undefined ? [] : [dynamics])].map(({ name, answers }) => [name, answers]),
    ),
    questions: run.questions,
    answers: run.answers,
    judgements: run.judgements,
    losses: new Map([...run.curves].map(([name, points]) => [name, points.map(({ loss }) => loss)])),
    finished: run.finished,
    isGoing: run.owner !== null,
    faults: run.faults,
  };
}

interface ConditionCells {
  readonly base: string;
  readonly condition: string;
  /** One a seed. */
  readonly cells: readonly OutlinedCell[];
}

/** Cells of the same base and condition together, in the order of the plan. */
export function groupByCondition(cells: readonly OutlinedCell[]): ConditionCells[] {
  const groups = new Map<string, { base: string; condition: string; cells: OutlinedCell[] }>();
  for (const cell of cells) {
    const { base, condition } = cell;
    const group = groups.get(`${base}/${condition}`) ?? { base, condition, cells: [] };
    group.cells.push(cell);
    groups.set(`${base}/${condition}`, group);
  }
  return [...groups.values()];
}
