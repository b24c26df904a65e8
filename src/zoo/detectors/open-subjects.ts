import { openArtefactStore, type ArtefactStore } from '../../detect/artefact-store.js';
import type { Judging } from '../../detect/ask-answers.js';
import { describeSubjectModel } from '../../detect/open-subject.js';
import type { SeenAnswer, Subject, SubjectModel } from '../../detect/subject.js';
import { identifyAdapted } from '../../models/adapt-base.js';
import type { BaseModel } from '../../models/base-model.js';
import { parseModel, type ModelReference } from '../../models/model-reference.js';
import type { TunedModel } from '../../models/trainer.js';
import type { Panel } from '../definition/panel.js';
import { parseEntryId } from '../definition/zoo-names.js';
import { locateAdapter } from '../store/check-adapters.js';
import type { OpenedZoo } from '../store/open-zoo.js';
import { nameBuiltBase, requireUnchangedBase } from '../store/stained-base.js';
import type { TruthRow } from '../store/truth-table.js';
import { zooFault } from '../store/zoo-fault.js';
import type { ReadEntryRows } from './entry-rows.js';
import { listPanelSurface } from './panel-surface.js';
import { rememberAnswers, type PanelAnswers } from './read-panel-answers.js';
import { refuseWithheld } from './refuse-withheld.js';

/** An entry with what is true of it, which detectors are not given. */
export interface EntrySubject {
  readonly truth: TruthRow;
  readonly subject: Subject;
  /** Its answers in all contexts, those that are withheld included: for the ceiling alone. */
  readonly allAnswers: () => Promise<readonly SeenAnswer[]>;
}

/** One organism's part of a zoo. */
export interface OrganismSubjects {
  readonly organism: string;
  readonly entries: readonly EntrySubject[];
}

export interface OpenSubjectsSettings {
  readonly panel: Panel;
  readonly openBase: (reference: ModelReference) => Promise<BaseModel>;
  /** Who judges what detectors ask; without one, there are stored answers alone. */
  readonly judging?: Judging | null;
  /** Whether detectors are told what the judge says that errs, of the panel. Default false. */
  readonly judgeErrs?: boolean;
  /** Makes the rows of entries again; without it nobody says what they were trained on. */
  readonly readRows?: ReadEntryRows | null;
}

/** A zoo as detectors see it. */
export interface ZooSubjects {
  readonly organisms: readonly OrganismSubjects[];
  /** Closes what detectors have stored. */
  readonly close: () => Promise<void>;
}

/**
 * The organisms of a zoo that was built here, each with its entries. What was added from elsewhere has neither answers
 * nor weights.
 */
export async function openSubjects(zoo: OpenedZoo, settings: OpenSubjectsSettings): Promise<ZooSubjects> {
  const store = openArtefactStore([zoo.folder]);
  const organisms: OrganismSubjects[] = [];
  for (const [organism, built] of Object.entries(zoo.manifest.organisms)) {
    const entries = zoo.truths.filter(
      (truth) => truth.organism === organism && zoo.manifest.entries[truth.entry] !== undefined,
    );
    if (entries.length === 0) continue;
    await requireUnchangedBase(zoo.folder, organism, built, true);
    const base = await settings.openBase(parseModel(nameBuiltBase(zoo.folder, organism, built)));
    if (base.openInside === null || base.sizeWork === null)
      throw zooFault(`organism ${organism} does not run here`, 'Score it where it runs.', { organism });
    organisms.push({ organism, entries: describeEntries(zoo, entries, base, store, settings) });
  }
  return { organisms, close: store.close };
}

function describeEntries(
  { folder, manifest }: OpenedZoo,
  entries: readonly TruthRow[],
  base: BaseModel,
  store: ArtefactStore,
  { panel, judging = null, readRows = null, judgeErrs = false }: OpenSubjectsSettings,
): EntrySubject[] {
  const surface = listPanelSurface(panel);
  const read = rememberAnswers(folder, panel, judgeErrs);
  const describe = (
    tuned: TunedModel | null,
    identity: string,
    answers: () => Promise<PanelAnswers>,
    cellOf: (answers: PanelAnswers) => string,
  ): SubjectModel => {
    const model = describeSubjectModel(base, tuned, identity, judging, store);
    return {
      ...model,
      answers: async () => {
        const found = await answers();
        return (found.byCell.get(cellOf(found)) ?? []).filter(
          ({ context }) => panel.contexts[context]?.withheld !== true,
        );
      },
      ask: model.ask === null ? null : refuseWithheld(model.ask, panel, async () => (await answers()).withheld),
    };
  };
  // The base was asked in every run of its organism; the first entry's has its answers, as any other.
  const first = manifest.entries[entries[0]?.entry ?? '']?.run ?? '';
  const ofBase = describe(
    null,
    base.identity,
    () => read(first),
    (found) => found.base,
  );
  return entries.flatMap((truth) => {
    const built = manifest.entries[truth.entry];
    if (built === undefined) return [];
    const { run, cell, adapter } = built;
    const tuned: TunedModel = { kind: 'adapter', folder: locateAdapter(folder, built) };
    // The hash of its weights tells an adapter of a zoo from all others.
    const identity = identifyAdapted(base, { identity: adapter });
    const model = describe(
      tuned,
      identity,
      () => read(run),
      () => cell,
    );
    const subject: Subject = {
      ...{ id: truth.entry, seed: parseEntryId(truth.entry)?.seed ?? null, surface, store },
      ...{ model, base: ofBase },
      readData:
        readRows === null ? null : async () => readRows(truth.entry, (await read(run)).trainedOn.get(cell) ?? null),
    };
    return [{ truth, subject, allAnswers: async () => (await read(run)).byCell.get(cell) ?? [] }];
  });
}
