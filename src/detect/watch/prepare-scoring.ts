import type { GivenSuites } from '../../experiment/plan/list-asked-questions.js';
import { findEdition } from '../../experiment/plan/world-of-bases.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { Json } from '../../foundation/json.js';
import type { BaseModel } from '../../models/base-model.js';
import type { Edition } from '../../organism/world/editions.js';
import { hashDetector, readAuditCalibration, type AuditCalibration } from '../calibration/audit-calibration.js';
import { calibratedThreshold } from '../calibration/calibrated-threshold.js';
import { describeBase } from '../calibration/describe-base.js';
import { findCalibrated } from '../calibration/find-calibrated.js';
import type { Detector } from '../detector.js';
import { choiceShare } from '../detectors/choice-share.js';
import type { ListQuestions } from '../detectors/choices-in-context.js';
import { openContextQuestions } from '../surface/list-questions.js';
import { readStandardSurface } from '../surface/standard-contexts.js';
import { surfaceNames, type Surface, type SurfaceName } from '../surface/surface.js';
import { readChoicePairs, findChoices } from '../texts/choice-pairs.js';
import type { HeldAgainst } from './summarise-watch.js';

export interface ScoringSettings {
  readonly base: BaseModel;
  /** A file; null where nothing says how high harmless fine-tunes come. */
  readonly calibration: string | null;
  /** How often a training that does not deserve it may have an alarm. */
  readonly rate: number;
  /** A file; null for the given answers that come with driftline. */
  readonly choices: string | null;
  /** Default that of the calibration, or `small`. */
  readonly surface?: SurfaceName;
  /** Suites of the caller; they take precedence. */
  readonly suites?: GivenSuites;
  readonly seed: number;
}

/** All that scores checkpoints of a base, and what their scores are held against. */
export interface PreparedScoring {
  readonly edition: Edition | null;
  readonly surface: Surface;
  readonly detector: Detector;
  readonly learnt: Json;
  readonly listQuestions: ListQuestions;
  readonly calibration: HeldAgainst | null;
}

/** Reads contexts, given answers and the calibration; one that is of something else is refused. No weights are read. */
export async function prepareScoring({
  base,
  calibration: file,
  rate,
  choices,
  suites,
  seed,
  ...wanted
}: ScoringSettings): Promise<PreparedScoring> {
  const edition = await findEdition(base.reference.text, (path) => path);
  const calibration = file === null ? null : await readAuditCalibration(file);
  const listQuestions = openContextQuestions({ edition, ...(suites === undefined ? {} : { suites }) });
  const detector = choiceShare(await readChoicePairs(choices ?? requireChoices(base, edition)), listQuestions);
  const learnt = await detector.learn([], { seed });
  const surface = await readStandardSurface({
    name: wanted.surface ?? (calibration === null ? null : surfaceOf(calibration, detector)) ?? 'small',
    isOfOrganisms: edition !== null,
  });
  const prepared = { edition, surface, detector, learnt, listQuestions };
  if (calibration === null || file === null) return { ...prepared, calibration: null };
  const calibrated = findCalibrated(
    calibration,
    {
      ...{ base: await describeBase(base), edition, name: detector.name, judge: null },
      ...{ settings: hashDetector(detector, learnt), surface: { name: surface.name, hash: surface.hash } },
    },
    file,
  );
  return { ...prepared, calibration: { file, threshold: calibratedThreshold(calibrated, rate, 'run_max') } };
}

/**
 * The surface on which runs of a detector were calibrated, the one with the fewest contexts where there are several; null where it is none of
 * those that come with driftline.
 */
function surfaceOf({ detectors }: AuditCalibration, { name: wanted }: Pick<Detector, 'name'>): SurfaceName | null {
  const names = detectors.flatMap(({ name, surface, scores }) =>
    name === wanted && surface !== null && scores.some((one) => one.run_max !== null) ? [surface.name] : [],
  );
  return surfaceNames.findLast((name) => names.includes(name)) ?? null;
}

function requireChoices({ reference }: BaseModel, edition: Edition | null): string {
  const file = findChoices(edition);
  if (file !== null) return file;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `there are no given answers for ${reference.text}, an organism of edition ${String(edition)}`,
    hint: 'Write some: --choices FILE, in a plan and in the library `choices`. Those of edition 2 come with driftline.',
  });
}
