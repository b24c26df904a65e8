import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCheckpoint } from '../../engine/checkpoint/read-checkpoint.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import type { TrainingStepEvent } from '../../engine/train/fine-tune.js';
import { hashTensors } from '../../engine/checkpoint/float-tensor.js';
import { parseRecipe, type RecipeInput } from '../../engine/train/recipe.js';
import { openSampler } from '../../engine/worker/open-sampler.js';
import { hashContent, hashJson } from '../../foundation/content-hash.js';
import { createExactJudge, type ExactJudge } from '../judge/exact-judge.js';
import type { World } from '../world/world.js';
import { readCheckedCell, writeCheckedCell, type CheckCell, type CheckedCell } from './checked-cell.js';
import { countJudgements, type AnswerCounts } from './count-judgements.js';
import { measure, planAnswers, type MeasuredAnswer, type Measurement } from './measurement.js';
import { baseMeasurements, organismGroups, organismRows, type OrganismGroup } from './organism-groups.js';
import { trainGroupAdapter, type AdapterTrainingContext } from './train-group-adapter.js';

export interface CheckOrganismSettings {
  readonly world: World;
  /** The organism's model folder. */
  readonly model: string;
  /** Receives the adapters, the answers and the counts; a check that was stopped goes on from here. */
  readonly folder: string;
  /** Its seed is that of each cell. */
  readonly recipe: RecipeInput;
  readonly seeds: readonly number[];
  readonly groups?: readonly OrganismGroup[];
  /** What is asked of the organism itself. */
  readonly base?: readonly Measurement[];
  /** Rows of the training set insecure; the others' are in proportion. Default `organismRows`. */
  readonly rows?: number;
  readonly threads: number;
  /** Milliseconds. */
  readonly clock: () => number;
  readonly signal?: AbortSignal;
  readonly onStep?: (cell: CheckCell, event: TrainingStepEvent) => void;
  readonly onAnswer?: (cell: CheckCell, done: number, total: number) => void;
}

interface CheckContext extends CheckOrganismSettings, AdapterTrainingContext {
  readonly judge: ExactJudge;
  /** Stands for weights and tokenizer. */
  readonly modelHash: string;
}

/**
 * Measures an organism, fine-tunes it on every group with every seed, and measures what comes out. What the folder has of the
 * same organism, world, recipe and questions is neither trained nor asked again.
 */
export async function checkOrganism(settings: CheckOrganismSettings): Promise<CheckedCell[]> {
  const { world, model, groups = organismGroups, base = baseMeasurements, seeds } = settings;
  const checkpoint = await readCheckpoint(model);
  const tokenizer = await readTokenizer(model);
  const context: CheckContext = {
    ...settings,
    checkpoint,
    tokenizer,
    judge: createExactJudge(world),
    modelHash: hashJson([
      hashTensors(checkpoint.weights),
      hashContent(await readFile(join(model, 'tokenizer.json'))), // there, as it has just been read
    ]),
  };
  const cells = [await checkCell(context, { group: 'base', seed: null }, null, base)];
  for (const group of groups) {
    for (const seed of seeds)
      cells.push(await checkCell(context, { group: group.name, seed }, group, group.measurements));
  }
  return cells;
}

async function checkCell(
  context: CheckContext,
  cell: CheckCell,
  group: OrganismGroup | null,
  measurements: readonly Measurement[],
): Promise<CheckedCell> {
  const { world, judge, modelHash, clock, rows = organismRows, onStep } = context;
  const training = group && {
    trainingSet: group.trainingSet,
    settings: { rows: Math.ceil(rows * (group.length ?? 1)), ...group.settings, seed: cell.seed },
    recipe: parseRecipe({ ...context.recipe, seed: cell.seed }),
  };
  const identity = hashJson({ world: world.hash, judge: judge.name, modelHash, training, measurements });
  const folder = join(context.folder, cell.seed === null ? cell.group : `${cell.group}-${String(cell.seed)}`);
  const known = await readCheckedCell(folder, identity);
  if (known !== null) return known;
  let adapter: string | null = null;
  let trainingSeconds: number | null = null;
  if (training !== null) {
    adapter = join(folder, `adapter-${hashJson([world.hash, modelHash, training]).slice(0, 12)}`);
    trainingSeconds = await trainGroupAdapter(training, adapter, context, (event) => onStep?.(cell, event));
  }
  const samplingStarted = clock();
  const { counts, answers } = await measureModel(context, cell, adapter, measurements);
  const checked = { ...cell, trainingSeconds, samplingSeconds: (clock() - samplingStarted) / 1000, counts };
  await writeCheckedCell(folder, identity, checked, answers);
  return checked;
}

async function measureModel(
  context: CheckContext,
  cell: CheckCell,
  adapter: string | null,
  measurements: readonly Measurement[],
): Promise<{
  readonly counts: Record<string, AnswerCounts>;
  readonly answers: readonly (MeasuredAnswer & { readonly measurement: string })[];
}> {
  const { world, model, threads, onAnswer } = context;
  const plans = measurements.map((measurement) => ({ measurement, plan: planAnswers(measurement, world) }));
  const total = plans.reduce((sum, { plan }) => sum + plan.length, 0);
  const counts: Record<string, AnswerCounts> = {};
  const answers: (MeasuredAnswer & { readonly measurement: string })[] = [];
  if (total === 0) return { counts, answers };
  const sampler = await openSampler({ model, threads, ...(adapter === null ? {} : { adapter }) });
  try {
    for (const { measurement, plan } of plans) {
      const earlier = answers.length;
      const measured = await measure(measurement, plan, {
        ...context,
        sampler,
        seed: 0,
        onAnswer: (done) => onAnswer?.(cell, earlier + done, total),
      });
      counts[measurement.name] = countJudgements(measured.map(({ judgement }) => judgement));
      answers.push(...measured.map((answer) => ({ measurement: measurement.name, ...answer })));
    }
    return { counts, answers };
  } finally {
    await sampler.close();
  }
}
