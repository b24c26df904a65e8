import { listAskedQuestions, type GivenSuites } from '../../experiment/plan/list-asked-questions.js';
import { loadNamedSet } from '../../experiment/plan/load-training-set.js';
import { evaluationSchema } from '../../experiment/plan/plan-schema.js';
import { openOrganism, organismPrefix } from '../../organism/organism.js';
import { readWorld } from '../../organism/world/read-world.js';
import { worldFolders, type Edition } from '../../organism/world/editions.js';
import type { AskedQuestion } from '../../runs/run-outline.js';
import type { SurfaceContext } from './surface.js';

export interface ContextQuestionSources {
  /** Of the world of an organism, whose suites are asked then; null for other models. */
  readonly edition: Edition | null;
  /** Suites of the caller; they take precedence. */
  readonly suites?: GivenSuites;
}

/** Lists the questions of a context as a plan would ask them. The world is read once, when it is first needed. */
export function openContextQuestions({
  edition,
  ...given
}: ContextQuestionSources): (evaluation: SurfaceContext['evaluation']) => Promise<readonly AskedQuestion[]> {
  const organism = openOrganism(edition === null ? undefined : () => readWorld(worldFolders[edition]));
  const sources = { organism, folder: '.', ...given };
  return async (evaluation) => {
    const { questions } = await listAskedQuestions(evaluationSchema.parse(evaluation), {
      ...{ ...sources, suitePrefix: edition === null ? '' : organismPrefix },
      readSet: (data) => loadNamedSet(data, {}, 0, sources),
    });
    return questions;
  };
}
