import { hashJson } from '../../foundation/content-hash.js';
import { isAnswered, writeAnsweredMark } from '../../runs/answered-mark.js';
import type { RunFolder } from '../../runs/run-folder.js';
import { listEvaluatedModels } from '../../runs/run-outline.js';
import { countJudgedAnswers } from './wanted-answer.js';
import { findModel, type PlannedCell, type PlannedEvaluation, type ResolvedPlan } from '../plan/resolved-plan.js';

/** Cells of a large run that need not be looked through again: each says so in its folder once all its answers are stored and judged. */
export interface AnsweredCells {
  readonly has: (cell: PlannedCell) => Promise<boolean>;
  /** Called when all answers of a cell are stored and judged. Does nothing in a run of usual size. */
  readonly add: (cell: PlannedCell) => Promise<void>;
}

export const noAnsweredCells: AnsweredCells = { has: () => Promise.resolve(false), add: () => Promise.resolve() };

export function openAnsweredCells(
  { generation, cellFolder }: Pick<RunFolder, 'generation' | 'cellFolder'>,
  plan: ResolvedPlan,
): AnsweredCells {
  /** A thousand cells are asked the same. */
  const hashes = new Map<PlannedEvaluation, string>();
  function hashQuestions(evaluation: PlannedEvaluation): string {
    const hash = hashes.get(evaluation) ?? hashJson(evaluation.questions);
    hashes.set(evaluation, hash);
    return hash;
  }
  const isJudged = (cell: PlannedCell): boolean =>
    listEvaluatedModels(plan, cell).some(({ evaluations }) => countJudgedAnswers(evaluations) > 0);
  /** What is asked, and who judges; null where asking may stop early, as only its judgements say when. */
  function describe(cell: PlannedCell): string | null {
    const models = listEvaluatedModels(plan, cell);
    if (models.some(({ evaluations }) => evaluations.some(({ stopEarly }) => stopEarly !== undefined))) return null;
    const asked = models.map(({ name, identity, evaluations }) => ({
      ...{ name, identity },
      evaluations: evaluations.map((one) => ({ name: one.name, variant: one.variant, hash: hashQuestions(one) })),
    }));
    return hashJson({ asked, engine: findModel(plan, cell).engine, judge: plan.judge.name });
  }

  return {
    has: async (cell) => {
      const now = generation(isJudged(cell));
      const asked = now === null ? null : describe(cell);
      return now !== null && asked !== null && (await isAnswered(cellFolder(cell.name), { asked, generation: now }));
    },
    add: async (cell) => {
      const now = generation(isJudged(cell));
      const asked = now === null ? null : describe(cell);
      if (now !== null && asked !== null) await writeAnsweredMark(cellFolder(cell.name), { asked, generation: now });
    },
  };
}
