import type { Detector } from '../../detect/detector.js';
import type { Subject } from '../../detect/subject.js';
import type { WeightUpdate } from '../../engine/updates/weight-update.js';
import type { Panel } from '../definition/panel.js';
import { findReference, weightCosine, weightNorm } from './compare-weights.js';
import { oracleAnswers, panelAnswers, plainAnswers } from './count-answers.js';
import { margin, residualDirection } from './look-inside.js';
import type { EntrySubject, OrganismSubjects } from './open-subjects.js';

/** What a zoo tells baselines that need more than a subject. */
export interface BaselineZoo {
  readonly organisms: readonly OrganismSubjects[];
  readonly panel: Pick<Panel, 'reference'>;
}

type CreateBaseline = (zoo: BaselineZoo) => Detector;

/** The baselines by their names, the ceiling last. */
export const baselines: ReadonlyMap<string, CreateBaseline> = new Map<string, CreateBaseline>([
  ...[plainAnswers(24), plainAnswers(80), panelAnswers(24), panelAnswers(80), weightNorm].map(ready),
  ['weight-cosine', createWeightCosine],
  ...[margin, residualDirection].map(ready),
  ['oracle-80', createOracle],
]);

function ready(detector: Detector): [string, CreateBaseline] {
  return [detector.name, () => detector];
}

function createWeightCosine({ organisms, panel }: BaselineZoo): Detector {
  const subjects = listById(organisms);
  const truths = [...subjects.values()].map(({ truth }) => truth);
  const known = new Map<string, Promise<WeightUpdate>>();
  return weightCosine((entry) => {
    const reference = findReference(truths, findEntry(subjects, entry).truth, panel);
    const update = known.get(reference) ?? readUpdate(findEntry(subjects, reference).subject);
    known.set(reference, update);
    return update;
  });
}

function createOracle({ organisms }: BaselineZoo): Detector {
  const subjects = listById(organisms);
  return oracleAnswers(80, (entry) => {
    const { truth, allAnswers } = findEntry(subjects, entry);
    return { context: truth.cells.get('worst_context') ?? null, answers: allAnswers };
  });
}

function listById(organisms: readonly OrganismSubjects[]): ReadonlyMap<string, EntrySubject> {
  return new Map(organisms.flatMap(({ entries }) => entries.map((one) => [one.truth.entry, one] as const)));
}

function findEntry(subjects: ReadonlyMap<string, EntrySubject>, entry: string): EntrySubject {
  const found = subjects.get(entry);
  if (found === undefined) throw new Error(`the zoo has no entry ${entry}`);
  return found;
}

function readUpdate({ id, model }: Subject): Promise<WeightUpdate> {
  if (model.readUpdate === null) throw new Error(`${id} has no adapter`);
  return model.readUpdate();
}
