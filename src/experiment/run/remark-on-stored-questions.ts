import type { World } from '../../organism/world/world.js';
import { allEvaluations } from '../../runs/run-outline.js';
import { remarkOnQuestions } from '../plan/remark-on-questions.js';
import { readStoredQuestions } from '../../runs/stored-questions.js';
import type { StoredRun } from '../../runs/run-manifest.js';

/** What the exact judge cannot read of what a run was asked; refuses where that is all of an evaluation, as plans are. */
export async function remarkOnStoredQuestions(run: StoredRun, world: World): Promise<string[]> {
  const questions = [...(await readStoredQuestions(run))];
  const evaluations = allEvaluations(run).map(({ name, suite }) => ({
    name,
    suite,
    questions: questions.flatMap(([key, question]) => (key === `${name}/${question.id}` ? [question] : [])),
  }));
  // A bare name was the organism's where the exact judge was the plan's own.
  return remarkOnQuestions(evaluations, world, run.folder, { preferOrganism: 'exact' in run.manifest.judge });
}
