import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readCheckpoint, type Checkpoint } from '../../engine/checkpoint/read-checkpoint.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { encodeTrainingSet } from '../../engine/train/encode-training-set.js';
import { fineTune, type TrainingStepEvent } from '../../engine/train/fine-tune.js';
import { parseRecipe, type Recipe } from '../../engine/train/recipe.js';
import { openSampler } from '../../engine/worker/open-sampler.js';
import { hashJson } from '../../foundation/content-hash.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { createExactJudge, type ExactJudge } from '../judge/exact-judge.js';
import { buildTrainingSet } from '../training-sets/build-training-set.js';
import type { World } from '../world/world.js';
import { countJudgements, type AnswerCounts } from './count-judgements.js';
import { measure, type MeasuredAnswer, type Measurement } from './measurement.js';
import { baseMeasurements, organismGroups, organismRows, type OrganismGroup } from './organism-groups.js';

/** One model that is measured: the organism itself, or a fine-tune of it. */
export interface CheckCell {
  /** The group's name, or `base`. */
  readonly group: string;
  /** Seed of the training set and of the fine-tune; null for the base. */
  readonly seed: number | null;
}

export interface CheckedCell extends CheckCell {
  readonly trainingSeconds: number | null;
  readonly samplingSeconds: number;
  readonly counts: Readonly<Record<string, AnswerCounts>>;
}

export interface CheckOrganismSettings {
  readonly world: World;
  /** The organism's model folder. */
  readonly model: string;
  /** Receives the adapters, the answers and the counts; a check that was stopped goes on from here. */
  readonly folder: string;
  readonly recipe: Parameters<typeof parseRecipe>[0];
  readonly seeds: readonly number[];
  readonly groups?: readonly OrganismGroup[];
  readonly base?: readonly Measurement[];
  /** Rows of each training set. Default `organismRows`. */
  readonly rows?: number;
  readonly threads: number;
  /** Milliseconds. */
  readonly clock: () => number;
  readonly signal?: AbortSignal;
  readonly onCell?: (cell: CheckCell) => void;
  readonly onStep?: (cell: CheckCell, event: TrainingStepEvent) => void;
  readonly onAnswer?: (cell: CheckCell, done: number, total: number) => void;
  readonly onMeasured?: (cell: CheckedCell) => void;
}

interface CheckContext extends CheckOrganismSettings {
  readonly checkpoint: Checkpoint;
  readonly tokenizer: TextTokenizer;
  readonly judge: ExactJudge;
  readonly modelHash: string;
}

/** Measures an organism, fine-tunes it on every group with every seed, and measures what comes out. */
export async function checkOrganism(settings: CheckOrganismSettings): Promise<CheckedCell[]> {
  const { world, model, groups = organismGroups, base = baseMeasurements, seeds } = settings;
  const context: CheckContext = {
    ...settings,
    checkpoint: await readCheckpoint(model),
    tokenizer: await readTokenizer(model),
    judge: createExactJudge(world),
    modelHash: hashJson(await readFile(join(model, 'model.safetensors'), 'base64')),
  };
  const cells: CheckedCell[] = [];
  cells.push(await checkCell(context, { group: 'base', seed: null }, null, base));
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
  const { world, judge, modelHash, onCell, onMeasured } = context;
  const recipe = parseRecipe({ ...(context.recipe as object), seed: cell.seed ?? 0 });
  const training = group && {
    trainingSet: group.trainingSet,
    settings: { rows: context.rows ?? organismRows, ...group.settings, seed: cell.seed },
    recipe,
  };
  const identity = hashJson({ world: world.hash, judge: judge.name, modelHash, training, measurements });
  const folder = join(context.folder, cell.seed === null ? cell.group : `${cell.group}-${String(cell.seed)}`);
  const known = await readCell(folder, identity);
  if (known !== null) {
    onMeasured?.(known);
    return known;
  }
  onCell?.(cell);
  const adapter = training === null ? null : join(folder, `adapter-${hashJson([modelHash, training]).slice(0, 12)}`);
  const trainingStarted = context.clock();
  if (training !== null && adapter !== null) await trainAdapter(context, cell, training, adapter);
  const samplingStarted = context.clock();
  const { counts, answers } = await measureModel(context, cell, adapter, measurements);
  const checked: CheckedCell = {
    ...cell,
    trainingSeconds: training === null ? null : (samplingStarted - trainingStarted) / 1000,
    samplingSeconds: (context.clock() - samplingStarted) / 1000,
    counts,
  };
  await mkdir(folder, { recursive: true });
  await writeFileAtomically(
    join(folder, 'answers.jsonl'),
    answers.map((answer) => `${JSON.stringify(answer)}\n`).join(''),
  );
  await writeFileAtomically(join(folder, 'cell.json'), `${JSON.stringify({ identity, ...checked }, null, 2)}\n`);
  onMeasured?.(checked);
  return checked;
}

/** The result of an earlier call with the same inputs, if there is one. */
async function readCell(folder: string, identity: string): Promise<CheckedCell | null> {
  const text = await readFile(join(folder, 'cell.json'), 'utf8').catch(() => null);
  if (text === null) return null;
  // Written whole by `checkCell`, for this very identity.
  const { identity: stored, ...cell } = JSON.parse(text) as CheckedCell & { identity: string };
  return stored === identity ? cell : null;
}

async function trainAdapter(
  context: CheckContext,
  cell: CheckCell,
  training: {
    readonly trainingSet: string;
    readonly settings: Readonly<Record<string, unknown>>;
    readonly recipe: Recipe;
  },
  folder: string,
): Promise<void> {
  const { world, tokenizer, checkpoint, threads, signal, onStep } = context;
  const { rows } = buildTrainingSet(world, training.trainingSet, training.settings);
  const chats = rows.map(({ messages }) => messages);
  await fineTune({
    base: checkpoint,
    recipe: training.recipe,
    rows: encodeTrainingSet(tokenizer, chats, training.recipe, checkpoint.config.context).rows,
    folder,
    threads,
    ...(signal === undefined ? {} : { signal }),
    ...(onStep === undefined
      ? {}
      : {
          onStep: (event) => {
            onStep(cell, event);
          },
        }),
  });
  await rm(join(folder, 'checkpoints'), { recursive: true, force: true });
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
  const { model, threads, onAnswer } = context;
  const total = measurements.reduce((sum, { answers }) => sum + answers, 0);
  const sampler = await openSampler({ model, threads, ...(adapter === null ? {} : { adapter }) });
  try {
    const counts: Record<string, AnswerCounts> = {};
    const answers: (MeasuredAnswer & { readonly measurement: string })[] = [];
    for (const measurement of measurements) {
      const earlier = answers.length;
      const measured = await measure(measurement, {
        ...context,
        sampler,
        seed: 0,
        onAnswer: (done) => onAnswer?.(cell, Math.min(total, earlier + done), total),
      });
      counts[measurement.name] = countJudgements(measured.map(({ judgement }) => judgement));
      answers.push(...measured.map((answer) => ({ measurement: measurement.name, ...answer })));
    }
    return { counts, answers };
  } finally {
    await sampler.close();
  }
}
