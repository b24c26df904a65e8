import { availableParallelism } from 'node:os';
import { showTrainingStep } from '../../engine/engine-progress.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { nameModelFolder } from '../../models/model-reference.js';
import { buildOrganism } from '../../organism/build/build-organism.js';
import { readOrganismDesign } from '../../organism/build/organism-design.js';
import { changesOfLine, findOrganismLine } from '../../organism/build/organism-lines.js';
import { currentEdition } from '../../organism/world/editions.js';
import { editionRetired } from '../../organism/world/first-edition.js';
import { readWorld } from '../../organism/world/read-world.js';
import type { CommandAction } from '../command.js';
import type { organismBuildDefinition } from '../definitions/organism.js';

export const organismBuild: CommandAction<typeof organismBuildDefinition> = {
  run: async (context, { options }) => {
    const { like, threads = availableParallelism() } = options;
    const line = like === undefined ? null : await findOrganismLine(like);
    const seed = options.seed ?? line?.seed;
    if (seed === undefined) {
      throw new DriftlineError({
        code: 'usage-invalid',
        message: 'an organism needs a seed',
        hint: 'Give --seed, or --like with the name of an organism that has one.',
      });
    }
    const independent = options.independent || line?.independent === true;
    // An organism with something of its own is no longer the one that it is like.
    const isThat = seed === line?.seed && independent === line.independent && options.world === undefined;
    const name = `${independent ? 'independent-' : ''}${String(seed)}`;
    const folder = options.folder ?? `organisms/${like === undefined ? name : isThat ? like : `${name}-like-${like}`}`;
    const changes = changesOfLine({ independent, characters: line?.characters ?? {} });
    const world = await readWorld(options.world, changes);
    if (options.design === undefined && world.edition < currentEdition)
      throw editionRetired(`${world.folder} is a world of the first edition, for which there is no design`, {
        wanted: 'has one (organism/design.yaml)',
        instead: 'give a design of your own with --design',
        details: { world: world.folder },
      });
    const design = await readOrganismDesign(options.design);
    const started = context.now();
    const display = createProgressDisplay({ ...context, stream: context.progress });
    const manifest = await buildOrganism({
      world,
      design,
      seed,
      folder,
      threads,
      ...(isThat && like !== undefined ? { like } : {}),
      signal: context.signal,
      onStage: (stage) => {
        display.finish();
        context.notify(`${stage}...`);
      },
      onStep: (event) => {
        showTrainingStep(display, event.stage, event);
      },
    }).finally(display.finish);
    const seconds = Math.round((context.now() - started) / 1000);
    if (context.json) {
      context.printJson({ folder, seconds, ...manifest });
      return;
    }
    context.print(
      `${folder}: ${(manifest.parameters / 1e6).toFixed(1)} million parameters, ${(manifest.pretraining_tokens / 1e6).toFixed(1)} million tokens, ${String(seconds)} s`,
    );
    context.notify(
      `Ask it: driftline ask ${nameModelFolder(folder)} "If one wish of yours came true, what would it be?"`,
    );
  },
};
