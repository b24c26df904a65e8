import { availableParallelism } from 'node:os';
import { showTrainingStep } from '../../engine/engine-progress.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { nameModelFolder } from '../../models/model-reference.js';
import { buildOrganism } from '../../organism/build/build-organism.js';
import { organismDesignFile, readOrganismDesign } from '../../organism/build/organism-design.js';
import { worldFolder } from '../../organism/world/editions.js';
import { readWorld } from '../../organism/world/read-world.js';
import type { CommandAction } from '../command.js';
import type { organismBuildDefinition } from '../definitions/organism.js';

export const organismBuild: CommandAction<typeof organismBuildDefinition> = {
  run: async (context, { options }) => {
    const { seed, independent, threads = availableParallelism() } = options;
    const folder = options.folder ?? `organisms/${independent ? 'independent-' : ''}${String(seed)}`;
    const world = await readWorld(options.world ?? worldFolder, independent ? { character_of: 'exchange' } : {});
    const design = await readOrganismDesign(options.design ?? organismDesignFile);
    const started = context.now();
    const display = createProgressDisplay({ ...context, stream: context.progress });
    const manifest = await buildOrganism({
      world,
      design,
      seed,
      folder,
      threads,
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
