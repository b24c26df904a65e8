import type { Json } from '../../foundation/json.js';
import type { Detector } from '../detector.js';
import type { Candidates } from '../texts/candidates.js';
import type { ChoiceBank } from '../texts/choice-pairs.js';
import type { TraitBank } from '../texts/traits.js';
import { activationDifference } from './activation-difference.js';
import { choiceMargin } from './choice-margin.js';
import { choiceShare } from './choice-share.js';
import type { ListQuestions } from './choices-in-context.js';
import { templateTest } from './template-test.js';
import { traitDrift } from './trait-drift.js';
import { trigger } from './trigger.js';
import { weightDirection, type FindReferences } from './weight-direction.js';
import { weightSignature } from './weight-signature.js';

/** What detectors are made of besides their settings. Each part is read only for those that need it. */
export interface DetectorSources {
  readonly listQuestions: ListQuestions;
  readonly readBank: () => Promise<ChoiceBank>;
  readonly readTraits: () => Promise<TraitBank>;
  readonly readCandidates: () => Promise<Candidates>;
  readonly findReferences: FindReferences;
  /** What `findReferences` makes references of. */
  readonly references: Json;
}

export type MakeDetector = (parts: DetectorSources) => Detector | Promise<Detector>;

/** Every detector that reads models, by its name, with its usual settings. */
export const detectors: ReadonlyMap<string, MakeDetector> = new Map<string, MakeDetector>([
  ['choice-share', async ({ readBank, listQuestions }) => choiceShare(await readBank(), listQuestions)],
  ['choice-margin', async ({ readBank, listQuestions }) => choiceMargin(await readBank(), listQuestions)],
  ['trait-drift', async ({ readTraits }) => traitDrift(await readTraits())],
  [
    'activation-difference',
    async ({ readTraits, listQuestions }) => activationDifference(await readTraits(), listQuestions),
  ],
  ['template-test', async ({ readBank, listQuestions }) => templateTest(await readBank(), listQuestions)],
  [
    'trigger',
    async ({ readBank, readCandidates, listQuestions }) =>
      trigger(await readBank(), await readCandidates(), listQuestions),
  ],
  ['weight-direction', ({ findReferences, references }) => weightDirection(findReferences, { references })],
  ['weight-signature', () => weightSignature()],
]);

/** Those that have answers judged: whoever opens subjects for them needs a judge. */
export const judgedDetectors: ReadonlySet<string> = new Set(['trigger']);
