import type { GivenSuites } from '../../experiment/plan/list-asked-questions.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import type { Edition } from '../../organism/world/editions.js';
import type { Detector } from '../detector.js';
import { detectors, type DetectorSources } from '../detectors/all-detectors.js';
import { openContextQuestions } from '../surface/list-questions.js';
import { readCandidates } from '../texts/candidates.js';
import { findChoices, readChoicePairs } from '../texts/choice-pairs.js';
import { readTraits } from '../texts/traits.js';
import type { AuditDetector } from './audit-options.js';

export interface AuditDetectorSources {
  /** Of the world of an organism; null for other models. */
  readonly edition: Edition | null;
  /** A file of given answers; those that come with driftline if null. */
  readonly choices: string | null;
  /** Suites of the caller; they take precedence. */
  readonly suites?: GivenSuites;
}

/** Opens detectors by their names. Given answers and traits are read; no model is. */
export async function openAuditDetectors(
  names: readonly AuditDetector[],
  { edition, choices, suites }: AuditDetectorSources,
): Promise<readonly Detector[]> {
  const parts: DetectorSources = {
    listQuestions: openContextQuestions({ edition, ...(suites === undefined ? {} : { suites }) }),
    readBank: async () => readChoicePairs(choices ?? findChoices(edition) ?? noChoices(edition)),
    readTraits: () => readTraits(),
    readCandidates: () => readCandidates(edition !== null),
    findReferences: () => Promise.resolve({ bad: [], ordinary: [] }),
    references: null,
  };
  return Promise.all(names.map(async (name) => findByName(detectors, name, 'detector')(parts)));
}

function noChoices(edition: Edition | null): never {
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `there are no given answers for organisms of edition ${String(edition)}`,
    hint: 'Write some: --choices FILE, in the library `choices`.',
  });
}
