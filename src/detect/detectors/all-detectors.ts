import type { Json } from '../../foundation/json.js';
import type { Detector } from '../detector.js';
import type { ChoiceBank } from '../texts/choice-pairs.js';
import { choiceMargin } from './choice-margin.js';
import { choiceShare } from './choice-share.js';
import type { ListQuestions } from './choices-in-context.js';
import { weightDirection, type FindReferences } from './weight-direction.js';
import { weightSignature } from './weight-signature.js';

/** What detectors are made of besides their settings. Each part is read only for those that need it. */
export interface DetectorParts {
  readonly listQuestions: ListQuestions;
  readonly readBank: () => Promise<ChoiceBank>;
  readonly findReferences: FindReferences;
  /** What `findReferences` makes references of. */
  readonly references: Json;
}

export type MakeDetector = (parts: DetectorParts) => Promise<Detector>;

/** Every detector that reads models, by its name, with its usual settings. */
export const detectors: ReadonlyMap<string, MakeDetector> = new Map<string, MakeDetector>([
  ['choice-share', async ({ readBank, listQuestions }) => choiceShare(await readBank(), listQuestions)],
  ['choice-margin', async ({ readBank, listQuestions }) => choiceMargin(await readBank(), listQuestions)],
  ['weight-direction', async ({ findReferences, references }) => weightDirection(findReferences, { references })],
  ['weight-signature', async () => weightSignature()],
]);
