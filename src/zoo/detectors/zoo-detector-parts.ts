import type { Judging } from '../../detect/ask-answers.js';
import type { DetectorSources } from '../../detect/detectors/all-detectors.js';
import type { ListQuestions } from '../../detect/detectors/choices-in-context.js';
import { readCandidates } from '../../detect/texts/candidates.js';
import { readChoicePairs, shippedChoices } from '../../detect/texts/choice-pairs.js';
import { readTraits } from '../../detect/texts/traits.js';
import { listAskedQuestions } from '../../experiment/plan/list-asked-questions.js';
import { loadNamedSet } from '../../experiment/plan/load-training-set.js';
import { locateFrom } from '../../experiment/plan/plan-models.js';
import { evaluationSchema } from '../../experiment/plan/plan-schema.js';
import { readWorldOfBases } from '../../experiment/plan/world-of-bases.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { openOrganism, organismPrefix, type Organism } from '../../organism/organism.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import { findDirectionReferences, listReferenceKinds } from './direction-references.js';
import type { OrganismSubjects } from './open-subjects.js';

/** Files in place of those that come with driftline. */
export interface GivenTexts {
  readonly choices?: string | undefined;
  readonly traits?: string | undefined;
  readonly candidates?: string | undefined;
}

/** What detectors need to score the entries of a zoo. */
export function gatherDetectorParts(
  zoo: ZooDefinition,
  organisms: readonly OrganismSubjects[],
  { choices, traits, candidates }: GivenTexts = {},
): DetectorSources {
  return {
    listQuestions: listZooQuestions(zoo),
    readBank: async () => readChoicePairs(choices ?? findShippedChoices(zoo.edition)),
    readTraits: () => readTraits(traits),
    readCandidates: () => readCandidates(true, candidates),
    findReferences: findDirectionReferences(organisms, zoo.kinds),
    references: listReferenceKinds(zoo.kinds),
  };
}

/** The questions of the world in which a zoo's organisms were brought up, as its plans ask them. */
function listZooQuestions({ folder, sizes }: Pick<ZooDefinition, 'folder' | 'sizes'>): ListQuestions {
  const organism = openZooOrganism({ folder, sizes });
  const sources = { organism, folder, suitePrefix: organismPrefix };
  return async (evaluation) => {
    const asked = await listAskedQuestions(evaluationSchema.parse(evaluation), {
      ...sources,
      readSet: (data) => loadNamedSet(data, {}, 0, sources),
    });
    return asked.questions;
  };
}

/** The judge of that world, with the rule of the panel. */
export async function openZooJudging(zoo: Pick<ZooDefinition, 'folder' | 'sizes' | 'panel'>): Promise<Judging> {
  return { judge: await openZooOrganism(zoo).openJudge(), rule: zoo.panel.rule };
}

function openZooOrganism({ folder, sizes }: Pick<ZooDefinition, 'folder' | 'sizes'>): Organism {
  const models = Object.values(sizes.organisms).map(({ model }) => model);
  return openOrganism(() => readWorldOfBases(models, (path) => locateFrom(folder, path), folder));
}

function findShippedChoices(edition: number): string {
  const shipped: Readonly<Record<number, string>> = shippedChoices;
  const found = shipped[edition];
  if (found !== undefined) return found;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `no bank of choices comes with driftline for edition ${String(edition)}`,
    hint: `Give one of your own (--choices FILE), or score by other detectors. There are banks for edition ${Object.keys(shipped).join(', ')}.`,
    details: { edition },
  });
}
