import { copyFile, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { countWeights } from '../../engine/checkpoint/decoder-tensors.js';
import { mergeAdapter } from '../../engine/checkpoint/merge-adapter.js';
import { readAdapter } from '../../engine/checkpoint/read-adapter.js';
import { readCheckpoint } from '../../engine/checkpoint/read-checkpoint.js';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { writeCheckpoint } from '../../engine/checkpoint/write-checkpoint.js';
import { floatBytes } from '../../engine/memory/estimate-memory.js';
import { planSchema, type Plan } from '../../experiment/plan/plan-schema.js';
import { locateFolders, locateFrom } from '../../experiment/plan/plan-models.js';
import type { PlannedCell, ResolvedPlan } from '../../experiment/plan/resolved-plan.js';
import type { RunSummary } from '../../experiment/run/run-plan.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { isMissing, writeFailure } from '../../foundation/file-failure.js';
import { parseModel, type WrittenModel } from '../../models/model-reference.js';
import { organismManifestFile } from '../../organism/build/organism-manifest.js';
import type { Organism } from '../../organism/organism.js';
import { findContext, plainContext } from '../definition/panel.js';
import type { Stain } from '../definition/sizes.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import {
  findModelFolder,
  locateStainedBase,
  nameStainedBase,
  readStainedBase,
  writeStainRecord,
} from '../store/stained-base.js';
import { otherBase, requireSameBase, type ZooManifest } from '../store/zoo-manifest.js';
import { nameContextEvaluation } from '../truth/entry-counts.js';
import { resolvePlanOfZoo, runOrganism, type RunShown } from './run-organism.js';
import { countSamples, findOrganism } from './write-zoo-plan.js';
import type { ZooWorld } from './zoo-world.js';

/** What makes a stained base of an organism: a run that fine-tunes it, and the folder that its weights go to. */
export interface PlannedStain {
  readonly organism: string;
  /** The folder of the model that is fine-tuned, and its name. */
  readonly from: { readonly folder: string; readonly name: string };
  readonly plan: ResolvedPlan;
  /** What is trained. */
  readonly cell: PlannedCell;
  /** The folder of the base, and its name as a model: entries start from it. */
  readonly base: string;
  readonly model: WrittenModel;
  /** Whether the base is there. */
  readonly isMade: boolean;
}

/** The one condition of its plan. */
const condition = 'stain';

/**
 * The plan of the training that an organism's base goes through before its entries do; null where there is none. A base
 * that is there and came of another training, or whose files were changed, is refused.
 */
export async function planStain(
  zoo: ZooDefinition,
  organism: string,
  { folder, manifest }: { readonly folder: string; readonly manifest: ZooManifest | null },
  world: ZooWorld,
): Promise<PlannedStain | null> {
  const { model, stain } = findOrganism(zoo, organism);
  if (stain === undefined) {
    if (manifest !== null) requireSameBase(folder, manifest, organism, {});
    return null;
  }
  const reference = locateFolders(parseModel(model), (path) => locateFrom(zoo.folder, path));
  const own = await findModelFolder(reference);
  if (own === null) throw cannotStain(zoo, organism, reference.text);
  const write = (asked: Organism): Promise<Plan> => writeStainPlan(zoo, { organism, model, stain }, asked);
  const plan = await resolvePlanOfZoo(zoo, model, 'sizes.yaml', write, world);
  const cell = plan.cells.find(({ training }) => training !== null);
  if (cell === undefined) throw new Error(`the plan of the stain of ${organism} trains nothing`);
  if (manifest !== null) requireSameBase(folder, manifest, organism, { stain: cell.identity });
  const base = locateStainedBase(folder, organism);
  const found = await readStainedBase(organism, base);
  if (found !== null && found.training !== cell.identity) throw otherBase(folder, organism);
  return {
    ...{ organism, plan, cell, base },
    from: { folder: own, name: reference.text },
    model: nameStainedBase(folder, organism),
    isMade: found !== null,
  };
}

/**
 * One fine-tune of the organism. It is asked plainly, as often as a bad kind at first, so that its run says what came of
 * it; all contexts are asked of the base, as of any other.
 */
async function writeStainPlan(
  { kinds, panel }: ZooDefinition,
  { organism, model, stain }: { readonly organism: string; readonly model: WrittenModel; readonly stain: Stain },
  world: Organism,
): Promise<Plan> {
  const { recipe = {}, seed, ...trained } = stain;
  const plain = plainContext(panel);
  const { suite, settings, questions, variant } = findContext(panel, plain);
  const { looks, clean } = panel.answers;
  const [answers = clean] = looks;
  return planSchema.parse({
    name: `stain-${organism}`,
    description: `What organism ${organism} of the zoo, edition ${String(kinds.edition)}, starts from`,
    bases: [model],
    recipe: kinds.recipe,
    conditions: { [condition]: { ...trained, seeds: [seed], inherit: recipe } },
    evaluate: [
      {
        name: nameContextEvaluation(plain, answers),
        ...{ suite, settings, questions, variant },
        samples: await countSamples(world)({ suite, settings, questions }, answers),
        ...(panel.max_tokens === undefined ? {} : { max_tokens: panel.max_tokens }),
      },
    ],
    judge: { exact: 'organism' },
    rule: panel.rule,
  });
}

/** Of the files of a base. Reads no weights. */
export async function countBaseBytes({ from }: Pick<PlannedStain, 'from'>): Promise<number> {
  const { config } = await readDecoderConfig(from.folder);
  return floatBytes * countWeights(config);
}

/**
 * Trains what a stained base is made of, unless it is there, and writes it as a whole model: an organism's folder like
 * any other, in the precision of its training. Killed at any moment and called again, it goes on, and the same bytes
 * come out.
 */
export async function makeStainedBase(
  { organism, from, plan, cell, base, isMade }: PlannedStain,
  folder: string,
  world: ZooWorld,
  shown: RunShown,
): Promise<RunSummary | null> {
  if (isMade) return null;
  const { run, summary } = await runOrganism(plan, folder, world, shown);
  const [failed] = summary.failed;
  if (failed !== undefined)
    throw new DriftlineError({
      code: failed.code,
      message: `the training of the base of ${organism} failed: ${failed.problem}`,
      hint: 'Choose another recipe for its stain in sizes.yaml.',
      details: { organism },
    });
  const { config, configJson, weights } = await readCheckpoint(from.folder);
  const adapter = await readAdapter(join(run.folder, 'cells', cell.name), config);
  const unfinished = `${base}.partial`;
  try {
    await rm(unfinished, { recursive: true, force: true });
    await mkdir(unfinished, { recursive: true });
    await writeCheckpoint(unfinished, {
      ...{ config, configJson, weights: mergeAdapter(weights, adapter), copyTokenizerFrom: from.folder },
    });
    // With it, the judge and the world of the organism are its own, too.
    await copyFile(join(from.folder, organismManifestFile), join(unfinished, organismManifestFile)).catch(
      (cause: unknown) => {
        if (!isMissing(cause)) throw cause;
      },
    );
    await writeStainRecord(unfinished, { model: from.name, training: cell.identity });
    await rename(unfinished, base);
  } catch (cause) {
    throw writeFailure(base, cause);
  }
  return summary;
}

function cannotStain({ folder }: Pick<ZooDefinition, 'folder'>, organism: string, model: string): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `${join(folder, 'sizes.yaml')}: organisms.${organism}: ${model} has a stain, and is neither an organism nor a model folder`,
    hint: 'Name an organism, such as organism:1, or a folder, such as ./model: an adapter is merged into it.',
    details: { organism, model },
  });
}
