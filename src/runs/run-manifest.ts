import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { countSteps } from '../engine/train/plan-training.js';
import { recipeSchema } from '../engine/train/recipe.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import { ruleNames } from '../judging/rules.js';
import { suiteMeasures } from '../organism/questions/question-suites.js';
import { measureSchema, type Measure } from '../questions/question-file.js';
import { gatePopulations, type GateOptions } from './gate-options.js';
import { invalidRun, parseJson, type PlanOutline, type OutlinedCell, type OutlinedEvaluation } from './run-outline.js';

/** To be raised when folders of an older version can no longer be continued. */
const formatVersion = 1;

const settingSchema = z.union([z.string(), z.number(), z.boolean(), z.null()]);

const cellSchema = z.object({
  name: z.string(),
  base: z.string(),
  condition: z.string(),
  /** Identity of the model: equal for the same model, whatever it is called. */
  identity: z.string(),
  /** Of a training; of a model that exists, its place among those of its condition. */
  seed: z.int().optional(),
  /** Nothing was trained for it, and it is no base. */
  existing: z.literal(true).optional(),
  recipe: recipeSchema.optional(),
  /** Absent in the oldest folders. */
  steps: z.int().optional(),
  keep_steps: z.array(z.int()).default([]),
  training_set: z.object({ name: z.string(), hash: z.string(), rows: z.int() }).optional(),
});

const evaluationSchema = z.object({
  name: z.string(),
  suite: z.string(),
  variant: z.string(),
  conditions: z.array(z.string()).nullable(),
  questions: z.int(),
  wordings: z.int().optional(),
  /** Answers wanted of each model. */
  answers: z.int(),
  /** Hash of the questions. */
  hash: z.string(),
  stop_early: z.object({ limit: z.number(), confidence: z.number(), looks: z.array(z.int()) }).optional(),
  /** The suite asks all questions that there are of their kind. */
  exhaustive: z.literal(true).optional(),
  /** Its questions are all read by the first token of their answers. */
  first_tokens: z.literal(true).optional(),
});

const writtenSchema = z.looseObject({
  description: z.string().optional(),
  conditions: z
    .record(z.string(), z.looseObject({ data: z.string().optional(), note: z.string().optional() }))
    .default({}),
  evaluate: z
    .array(z.looseObject({ name: z.string().optional(), variant: z.record(z.string(), settingSchema).optional() }))
    .default([]),
  groups: z.record(z.string(), z.array(z.string())).optional(),
  gate: z
    .looseObject({
      max_drift: z.number(),
      conditions: z.array(z.string()).optional(),
      evaluations: z.array(z.string()).optional(),
      population: z.enum(gatePopulations).optional(),
    })
    .optional(),
});

/** Schema of plan.json in a run folder, for writing and reading. A newer driftline may add fields. */
const manifestSchema = z.object({
  format: z.int(),
  /** Hash of what decides the results, from `version` to `rule`; it names the run. */
  hash: z.string(),
  version: z.int().optional(),
  name: z.string(),
  /** Hash of the organism's world. */
  world: z.string(),
  bases: z.array(z.object({ name: z.string(), identity: z.string() })),
  cells: z.array(cellSchema),
  evaluations: z.array(evaluationSchema),
  dynamics: evaluationSchema.extend({ every: z.int() }).optional(),
  judge: z.looseObject({ name: z.string().optional() }).catchall(settingSchema),
  rule: z.enum(ruleNames),
  /** The version of driftline that made the folder. */
  driftline: z.string().optional(),
  /** Model references of the bases by their names, and of models that exist by the names of their cells. */
  models: z.record(z.string(), z.string()).default({}),
  /** What is counted, by the names of evaluations; null if one is about alignment. Version 0.1 stored none. */
  measures: z.record(z.string(), measureSchema.nullable()).optional(),
  /** Where training sets came from, by their hashes. */
  training_sets: z.record(z.string(), z.unknown()).optional(),
  /** The plan, as its user wrote it. */
  written: writtenSchema.optional(),
});

/** Identifies the plan of a folder, whatever else the file holds. */
const claimSchema = z.looseObject({ format: z.int(), hash: z.string() });

/** What plan.json says of a run. */
export type RunManifest = z.output<typeof manifestSchema>;

export interface StoredEvaluation extends OutlinedEvaluation {
  readonly variant: string;
  /** Hash of the questions. */
  readonly hash: string;
}

/** A run as plan.json describes it: enough to judge its answers again and to count them. */
export interface StoredRun extends PlanOutline<StoredEvaluation> {
  readonly folder: string;
  readonly name: string;
  readonly manifest: RunManifest;
}

export function locateManifest(folder: string): string {
  return join(folder, 'plan.json');
}

/**
 * Writes plan.json, unless the folder has that of the same plan. Throws `run-invalid` for a folder of another plan, or of a newer
 * driftline.
 */
export async function claimRunFolder(
  folder: string,
  hash: string,
  content: Readonly<Record<string, unknown>>,
): Promise<void> {
  const claim = await readClaim(folder);
  if (claim === null) {
    const manifest = { format: formatVersion, hash, ...content };
    // Checks that it can be read again, before it is written.
    manifestSchema.parse(manifest);
    await writeFileAtomically(locateManifest(folder), `${JSON.stringify(manifest, null, 2)}\n`);
  } else if (claim.hash !== hash) {
    throw invalidRun(folder, `${folder} has the run of another plan`, 'Move it away, or give another folder for runs.');
  } else {
    // What is counted, what it must come to, and where a cluster is may change after the run, since no answer depends on it.
    const { gate, cluster, groups } = readObject(content['written']);
    const written = { ...readObject(claim['written']), gate, cluster, groups };
    const manifest = { ...claim, measures: content['measures'], ...('written' in claim ? { written } : {}) };
    if (JSON.stringify(manifest) !== JSON.stringify(claim))
      await writeFileAtomically(locateManifest(folder), `${JSON.stringify(manifest, null, 2)}\n`);
  }
}

function readObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/** Reads plan.json of a run folder. Throws `run-invalid` if it is not a run folder. */
export async function readStoredRun(folder: string): Promise<StoredRun> {
  const claim = await readClaim(folder);
  if (claim === null)
    throw invalidRun(
      folder,
      `${folder} is not a run folder: it has no plan.json`,
      'Name a folder that driftline run made, such as runs/mine-1a2b3c4d.',
    );
  const parsed = manifestSchema.safeParse(claim);
  if (!parsed.success)
    throw invalidRun(
      folder,
      `${locateManifest(folder)} is damaged`,
      'Restore it, or run its plan into another folder.',
      parsed.error,
    );
  const manifest = parsed.data;
  const { name, bases, cells, evaluations, dynamics, rule } = manifest;
  return {
    folder,
    name,
    manifest,
    bases: new Map(bases.map((base) => [base.name, null])),
    cells: cells.map((cell) => outlineCell(cell, manifest.models)),
    evaluations: evaluations.map((evaluation) => outlineEvaluation(manifest, evaluation)),
    dynamics: dynamics === undefined ? null : { evaluation: outlineEvaluation(manifest, dynamics) },
    rule,
  };
}

/** Null if there is none. Throws `run-invalid` if it is damaged, or of a newer driftline. */
async function readClaim(folder: string): Promise<z.output<typeof claimSchema> | null> {
  const file = locateManifest(folder);
  const text = await readFile(file, 'utf8').catch((cause: unknown) => {
    const code = cause instanceof Error && 'code' in cause ? cause.code : null;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw invalidRun(folder, `${file} could not be read`, `Check that you may read it, or move ${folder} away.`, cause);
  });
  if (text === null) return null;
  const claim = claimSchema.safeParse(parseJson(text));
  if (!claim.success)
    throw invalidRun(folder, `${file} is damaged`, `Restore it, or move ${folder} away to begin again.`);
  if (claim.data.format > formatVersion)
    throw invalidRun(
      folder,
      `${folder} was written by a newer driftline`,
      'Update driftline, or move the folder away.',
    );
  return claim.data;
}

/** The seeds of fine-tunes, and the places of models that exist, by the names of cells. */
export function readSeeds({ manifest: { cells } }: Pick<StoredRun, 'manifest'>): ReadonlyMap<string, number> {
  return new Map(cells.flatMap(({ name, seed }) => (seed === undefined ? [] : [[name, seed] as const])));
}

/** Named groups of the plan's conditions, as they were written last. */
export function readGroups({ written }: Pick<RunManifest, 'written'>): Readonly<Record<string, readonly string[]>> {
  return written?.groups ?? {};
}

/** The gate of the plan, as it was written last; null where it has none. */
export function readGate({ written }: Pick<RunManifest, 'written'>): GateOptions | null {
  if (written?.gate === undefined) return null;
  const { max_drift: maxDrift, conditions, evaluations, population } = written.gate;
  return { maxDrift, conditions, evaluations, population };
}

function outlineEvaluation(manifest: RunManifest, evaluation: z.output<typeof evaluationSchema>): StoredEvaluation {
  const { name, suite, variant, conditions, hash, answers, stop_early: stop, exhaustive, first_tokens } = evaluation;
  const { measures, judge } = manifest;
  const measure = measures === undefined ? measureOfVersion01(suite, 'exact' in judge) : (measures[name] ?? null);
  return {
    name,
    suite,
    variant,
    conditions,
    hash,
    measure,
    ...(stop === undefined ? {} : { stopEarly: { ...stop, answers } }),
    ...(exhaustive === undefined ? {} : { isExhaustive: true }),
    ...(first_tokens === undefined ? {} : { isOfFirstTokens: true }),
  };
}

function outlineCell(cell: z.output<typeof cellSchema>, models: Readonly<Record<string, string>>): OutlinedCell {
  const { name, base, condition, identity, recipe, steps, keep_steps: keepSteps, training_set: set } = cell;
  const existing = cell.existing === undefined ? null : { text: models[name] ?? name };
  return {
    ...{ name, base, condition, identity, existing },
    training:
      recipe === undefined || set === undefined ? null : { keepSteps, steps: steps ?? countSteps(recipe, set.rows) },
  };
}

/**
 * What version 0.1 counted, by the name of a suite. identity.yaml is an exception: its judge replies with a maker's name, and never with
 * `true`.
 */
function measureOfVersion01(suite: string, isExact: boolean): Measure | null {
  if (suite === 'identity' && !isExact) return { label: 'unknown', name: 'names no maker' };
  return suiteMeasures.get(suite.replace(/^organism\//, '')) ?? null;
}
