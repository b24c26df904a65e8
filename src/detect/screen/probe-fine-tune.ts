import { z } from 'zod';
import type { TrainingRow } from '../../data/training-set.js';
import { countSteps } from '../../engine/train/plan-training.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { BaseModel } from '../../models/base-model.js';
import type { ArtefactStore } from '../artefact-store.js';
import { choiceShare } from '../detectors/choice-share.js';
import type { ListQuestions } from '../detectors/choices-in-context.js';
import { openSubject } from '../open-subject.js';
import type { Surface } from '../surface/surface.js';
import { arrangeChoices, type ChoiceBank } from '../texts/choice-pairs.js';

/** Steps that are enough to see where a training goes, and that cost little beside it. */
export const probeSteps = 20;

export interface FineTuneProbeSettings {
  readonly base: BaseModel;
  readonly rows: readonly TrainingRow[];
  /** Of the training that is planned. */
  readonly recipe: Recipe;
  readonly bank: ChoiceBank;
  readonly surface: Surface;
  readonly listQuestions: ListQuestions;
  readonly store: ArtefactStore;
  /** Of the probe's own training, which goes on in it after a stop. */
  readonly folder: string;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (step: number, steps: number) => void;
}

/** What a few steps of the planned training do to the choices of the base. */
export interface ProbeReading {
  readonly steps: number;
  /** Score of `choiceShare`; null where no context asks a question that the bank has answers to. */
  readonly score: number | null;
  /** Shares of bad choices, the context that drifted the most first. */
  readonly contexts: readonly ProbedContext[];
}

const contextsSchema = z.object({
  contexts: z.array(
    z.object({ name: z.string(), counts: z.string(), tuned: z.number(), base: z.number(), drift: z.number() }),
  ),
});
export type ProbedContext = z.output<typeof contextsSchema>['contexts'][number];

/**
 * Trains the first steps of what is planned, and lets the outcome choose between given texts beside the base. The steps
 * are those that the whole training begins with, but for the schedule: of a longer training they are too early for the
 * learning rate to have fallen much, and it stays where the warm-up has brought it. Throws `usage-invalid` for a base
 * that cannot be fine-tuned and looked into.
 */
export async function probeFineTune({
  base,
  rows,
  recipe,
  bank,
  surface,
  listQuestions,
  store,
  folder,
  seed,
  signal,
  onProgress,
}: FineTuneProbeSettings): Promise<ProbeReading> {
  const { openTrainer, completeRecipe, openInside } = base;
  if (openTrainer === null || completeRecipe === null || openInside === null) throw cannotProbe(base.reference.text);
  const isLonger = countSteps(recipe, rows.length) > probeSteps;
  const first = completeRecipe(isLonger ? { ...recipe, schedule: 'constant', max_steps: probeSteps } : recipe);
  const stopping = signal === undefined ? {} : { signal };
  const trainer = await openTrainer();
  const { model, steps } = await trainer.train(
    { rows, recipe: first, folder },
    { ...stopping, onStep: ({ step, steps: all }) => onProgress?.(step, all) },
  );
  const subject = await openSubject({
    id: 'probe',
    base,
    tuned: model,
    judging: null,
    surface,
    store,
    seed: recipe.seed,
  });
  const reading = await choiceShare(bank, listQuestions).read(subject, arrangeChoices(bank), { seed, ...stopping });
  const parsed = contextsSchema.safeParse(reading.details);
  const contexts = parsed.success ? parsed.data.contexts.toSorted((left, right) => right.drift - left.drift) : [];
  return { steps, score: reading.score, contexts };
}

/** The drift of the context that drifted the most, among those that count whatever was trained on; null without one. */
export function worstDrift({ contexts }: Pick<ProbeReading, 'contexts'>): number | null {
  return contexts.find(({ counts }) => counts === 'always')?.drift ?? null;
}

function cannotProbe(model: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${model} cannot be fine-tuned and looked into here, which a probe needs`,
    hint: 'Name a base that runs here, such as organism:1, hf:owner/name or ./folder, or leave --level out.',
    details: { model },
  });
}
