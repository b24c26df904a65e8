import type { TrainingRow } from '../../data/training-set.js';
import { loadConditionSet, type TrainingSetSources } from '../../experiment/plan/load-training-set.js';
import { describeEntryData } from '../definition/list-entries.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import { parseEntryId } from '../definition/zoo-names.js';
import { zooFault } from '../store/zoo-fault.js';

/** The rows that an entry was trained on. */
export type ReadEntryRows = (entry: string, trainedOn: string | null) => Promise<readonly TrainingRow[]>;

/**
 * Makes the rows of entries again. `trainedOn` is the hash of an entry's rows that its run recorded: others than these,
 * of another world say, are an error.
 */
export function createEntryRows(
  zoo: Pick<ZooDefinition, 'kinds'>,
  sources: Pick<TrainingSetSources, 'organism' | 'folder'>,
): ReadEntryRows {
  return async (entry, trainedOn) => {
    const parsed = parseEntryId(entry);
    if (parsed === null) throw zooFault(`${entry} is no entry of a zoo`, 'Its rows are not known.', { entry });
    const { rows, hash } = await loadConditionSet(describeEntryData(zoo, parsed), parsed.seed, sources);
    if (trainedOn === null || trainedOn === hash) return rows;
    throw zooFault(
      `the rows of ${entry} cannot be made again: they are others than those that it was trained on`,
      'Read the zoo with the definition and the world that it was built by.',
      { entry, hash, trainedOn },
    );
  };
}
