import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { trainingFormats, type TrainingFileForm } from '../data/training-formats.js';
import { screenLevels, type ScreenLevel } from '../detect/screen/conclude-screen.js';
import { listForecasts, readForecast, shippedForecasts } from '../detect/screen/find-forecast.js';
import { readScreenedRows, screenTrainingSet, type ScreenedRows } from '../detect/screen/read-screened-rows.js';
import { screenRows } from '../detect/screen/screen-rows.js';
import type { ScreenFile } from '../detect/screen/screen-file.js';
import type { AskedSurface, ScreenedBaseSettings, ScreenProgress } from '../detect/screen/screen-settings.js';
import { addContexts, deriveContexts } from '../detect/surface/derive-contexts.js';
import { readStandardSurface } from '../detect/surface/standard-contexts.js';
import { readCharacters } from '../detect/texts/characters.js';
import { readChoicePairs, shippedChoices } from '../detect/texts/choice-pairs.js';
import type { Recipe } from '../engine/train/recipe.js';
import { listAskedQuestions } from '../experiment/plan/list-asked-questions.js';
import { loadNamedSet } from '../experiment/plan/load-training-set.js';
import { readRecipe } from '../experiment/plan/named-recipes.js';
import { evaluationSchema } from '../experiment/plan/plan-schema.js';
import { readWorldOfBases } from '../experiment/plan/world-of-bases.js';
import { functionSchema } from '../foundation/caller-schemas.js';
import { createDirectFetch } from '../foundation/direct-fetch.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { readMachineMemory } from '../foundation/machine-memory.js';
import type { BaseModel } from '../models/base-model.js';
import { writtenModelSchema, type WrittenModel } from '../models/model-reference.js';
import { openBaseModel, type OpenBaseModelOptions } from '../models/open-base-model.js';
import { openingSchema } from '../models/open-model-sampler.js';
import { editionOf, readOrganismManifest } from '../organism/build/organism-manifest.js';
import { findOrganismFolder } from '../organism/organism-folder.js';
import { openOrganism, organismPrefix } from '../organism/organism.js';
import type { Edition } from '../organism/world/editions.js';
import { writeScreenReport } from '../report/detect/write-detect-report.js';
import { givenPartsShape, type GivenParts } from './given-parts.js';

export interface ScreenOptions
  extends
    TrainingFileForm,
    Pick<GivenParts, 'trainingSets'>,
    Partial<Pick<OpenBaseModelOptions, 'environment' | 'fetch' | 'memory' | 'onProgress' | 'onNotice' | 'signal'>> {
  /** The model that is to be trained. Without one the texts alone are looked at. */
  readonly base?: WrittenModel;
  /** How much is looked at. Default `base` with a base, else `text`. */
  readonly level?: ScreenLevel;
  /** Rows that the base is asked about, drawn by the seed. Default 400, and all for a cleaned file. */
  readonly rows?: number;
  /** A file to write without the most suspicious rows. */
  readonly clean?: string;
  /** Share of the rows that the cleaned file keeps. Default all that are not suspicious. */
  readonly keep?: number;
  /** The training that is planned: `organism-default`, `paper`, or a YAML file with a recipe or a plan. Default that of organisms for organisms. */
  readonly recipe?: string;
  /** A file of given texts of both sorts. Default those that come with organisms. */
  readonly choices?: string;
  /** A file of what was learnt of fine-tunes whose truth is known. Default one that comes with driftline, if one is for the base. */
  readonly forecast?: string;
  /** Of what is drawn, and of the probe. Default 0. */
  readonly seed?: number;
  /** The folder of screens. Default `screens`. */
  readonly screens?: string;
  /** Of models that run here. Default all cores. */
  readonly threads?: number;
  /** Called while rows are read. */
  readonly onRows?: (progress: ScreenProgress) => void;
}

const optionsSchema = openingSchema.extend({
  format: z.enum(trainingFormats).optional(),
  columns: z.strictObject({ user: z.string(), assistant: z.string(), system: z.string().optional() }).optional(),
  trainingSets: givenPartsShape.trainingSets,
  base: writtenModelSchema.optional(),
  level: z.enum(screenLevels).optional(),
  rows: z.int().positive().optional(),
  clean: z.string().min(1).optional(),
  keep: z.number().gt(0).lt(1).optional(),
  recipe: z.string().min(1).optional(),
  choices: z.string().min(1).optional(),
  forecast: z.string().min(1).optional(),
  seed: z.int().nonnegative().optional(),
  screens: z.string().min(1).optional(),
  onRows: functionSchema.optional(),
});

export interface ScreenResult {
  readonly folder: string;
  readonly page: string;
  readonly screen: ScreenFile;
}

const usualRows = 400;

/**
 * Says of training data, before anything is trained on them, which rows are suspicious and why, ranks them, and writes a
 * cleaned file if one is asked for. `data` is a training file, a set of the organism's or one of `trainingSets`. Call it
 * again after a stop: nothing is read twice.
 */
export async function screenData(data: string, options: ScreenOptions = {}): Promise<ScreenResult> {
  parseSettings(z.string().min(1), data, 'screenData');
  const parsed = parseSettings(optionsSchema, options, 'screenData');
  const {
    base: written,
    rows = usualRows,
    clean,
    keep = null,
    seed = 0,
    screens = 'screens',
    signal,
    onRows,
  } = options;
  const level = options.level ?? (written === undefined ? 'text' : 'base');
  requireLevel(level, options);
  const organism = openOrganism(() =>
    readWorldOfBases(written === undefined ? [] : [written], (path) => path, 'screen'),
  );
  const given = parsed.trainingSets === undefined ? {} : { trainingSets: parsed.trainingSets };
  const sources = { organism, folder: '.', ...given };
  const read = await readData(data, options, () => loadNamedSet(data, {}, 0, sources));
  const settings =
    written === undefined || level === 'text' ? null : await openScreenedBase(written, read, options, sources);
  if (level === 'probe') requireProbe(settings, options);
  const { folder, screen } = await screenRows({
    ...{ data: read, level, base: settings, rows: Math.min(rows, read.rows.length), seed, screens },
    clean: clean === undefined ? null : { file: clean, keep },
    ...(signal === undefined ? {} : { signal }),
    ...(onRows === undefined ? {} : { onProgress: onRows }),
  });
  return { folder, page: await writeScreenReport(folder, screen), screen };
}

/** A file, unless it is a set of the organism's or one that the caller gives. */
async function readData(
  data: string,
  { format, columns, trainingSets = {} }: ScreenOptions,
  load: () => ReturnType<typeof loadNamedSet>,
): Promise<ScreenedRows> {
  const isNamed = data.startsWith(organismPrefix) || Object.hasOwn(trainingSets, data);
  return isNamed ? screenTrainingSet(await load()) : readScreenedRows(data, { format, columns });
}

type Sources = Parameters<typeof loadNamedSet>[3];

async function openScreenedBase(
  written: WrittenModel,
  data: ScreenedRows,
  options: ScreenOptions,
  sources: Sources,
): Promise<ScreenedBaseSettings> {
  const {
    threads = availableParallelism(),
    memory = readMachineMemory(),
    seed = 0,
    choices,
    recipe,
    forecast,
  } = options;
  const { environment = process.env, fetch = createDirectFetch(globalThis.fetch) } = options;
  const { signal, onProgress, onNotice } = options;
  const base = await openBaseModel(written, {
    ...{ environment, fetch, threads, memory },
    ...(signal === undefined ? {} : { signal }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(onNotice === undefined ? {} : { onNotice }),
  });
  const edition = await findEdition(base);
  const bank = choices ?? (edition === null ? null : shippedChoices[edition]);
  const named = recipe ?? (edition === null ? null : 'organism-default');
  return {
    ...{ base, memory, characters: await readCharacters() },
    bank: bank === null ? null : await readChoicePairs(bank),
    asked: await listContexts(data, edition !== null, sources),
    recipe: named === null ? null : await completeRecipe(named, seed, base),
    forecast: forecast === undefined ? null : await readForecast(forecast),
    forecasts: forecast === undefined ? await listForecasts(shippedForecasts) : [],
  };
}

async function completeRecipe(named: string, seed: number, base: BaseModel): Promise<Recipe> {
  const recipe = await readRecipe(named, seed);
  return base.completeRecipe?.(recipe) ?? recipe;
}

/** Of an organism's world; null for another model. */
async function findEdition({ reference }: BaseModel): Promise<Edition | null> {
  const whole = reference.provider === 'adapted' ? reference.base : reference;
  const folder =
    whole.provider === 'organism'
      ? await findOrganismFolder(whole.name)
      : whole.provider === 'folder'
        ? whole.folder
        : null;
  const manifest = folder === null ? null : await readOrganismManifest(folder);
  return manifest === null ? null : editionOf(manifest);
}

/** The contexts that a fine-tune would be asked in, with those that look like the data. */
async function listContexts(
  { name, rows }: ScreenedRows,
  isOfOrganisms: boolean,
  sources: Sources,
): Promise<AskedSurface> {
  const standard = await readStandardSurface({ name: 'full', isOfOrganisms });
  const { suite } = standard.contexts[0].evaluation;
  // Questions of organisms come after turns of their own.
  const surface = addContexts(standard, deriveContexts(rows, { suite, data: isOfOrganisms ? null : name }));
  return {
    surface,
    listQuestions: async (evaluation) => {
      const { questions } = await listAskedQuestions(evaluationSchema.parse(evaluation), {
        ...sources,
        suitePrefix: isOfOrganisms ? organismPrefix : '',
        readSet: (set) => (set === name ? Promise.resolve({ rows, hash: name }) : loadNamedSet(set, {}, 0, sources)),
      });
      return questions;
    },
  };
}

function requireLevel(level: ScreenLevel, { base, rows, clean, keep, recipe, choices, forecast }: ScreenOptions): void {
  if (level !== 'text' && base === undefined)
    throw invalid(
      `the level ${level} asks a base, and none is named`,
      'Name the model that is to be trained: --base MODEL.',
    );
  if (level === 'text')
    for (const [name, value] of Object.entries({ rows, recipe, choices, forecast }))
      if (value !== undefined)
        throw invalid(`${name} is for a base, and texts alone are looked at`, 'Name a base, or leave it out.');
  if (keep !== undefined && clean === undefined)
    throw invalid('a share is to be kept, and no file is named for it', 'Name the file to write: --clean FILE.');
  if (rows !== undefined && clean !== undefined)
    throw invalid('a cleaned file is of all rows, and only some are to be read', 'Leave --rows out, or --clean.');
}

function requireProbe(settings: ScreenedBaseSettings | null, { recipe }: ScreenOptions): void {
  if (settings?.bank === null)
    throw invalid(
      'a probe lets the model choose between given texts, and there are none for this base',
      'Give a bank of choices: --choices FILE.',
    );
  if (settings?.recipe === null && recipe === undefined)
    throw invalid(
      'a probe trains the first steps of what is planned, and nobody says what that is',
      'Give the recipe: --recipe FILE, a plan or the settings of a recipe, or --recipe paper.',
    );
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
