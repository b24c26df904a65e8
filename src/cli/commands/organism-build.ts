import { availableParallelism } from 'node:os';
import { showTrainingStep } from '../../engine/engine-progress.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { nameModelFolder } from '../../models/model-reference.js';
import { buildOrganism } from '../../organism/build/build-organism.js';
import { organismDesignFile, readOrganismDesign } from '../../organism/build/organism-design.js';
import { readWorld, worldFolder } from '../../organism/world/read-world.js';
import { defineCommand } from '../command.js';
import { flag, nonEmptyText, wholeNumber } from '../option-values.js';

export const organismBuild = defineCommand({
  name: 'organism build',
  summary: 'Build an organism from a seed: tokenizer, pretraining, alignment',
  description:
    'Trains a model from scratch on the documents of the tiny world, which takes about half an hour on two cores. Stop it with Ctrl-C, or kill it, and run it again: it goes on where it was. The same seed gives the same bytes on one machine.',
  arguments: {},
  options: {
    seed: {
      value: 'N',
      description: 'Decides the documents and the first weights',
      schema: wholeNumber(),
      example: '1',
    },
    folder: {
      value: 'FOLDER',
      description: 'Receives the model; organisms/N if not given, for the seed N',
      schema: nonEmptyText.optional(),
      example: 'organisms/7',
    },
    independent: {
      description: 'Draw a character for each exchange instead of each document: the control that shows the cause',
      schema: flag,
    },
    world: {
      value: 'FOLDER',
      description: 'A world of your own; the one of driftline if not given',
      schema: nonEmptyText.optional(),
      example: 'my-world',
    },
    design: {
      value: 'FILE',
      description: 'Sizes and training settings; those of driftline if not given',
      schema: nonEmptyText.optional(),
      example: 'my-design.yaml',
    },
    threads: {
      value: 'N',
      description: 'Threads; all cores if not given',
      schema: wholeNumber(1).optional(),
      example: '2',
    },
  },
  examples: [
    { description: 'Build an organism', line: 'driftline organism build --seed 7' },
    {
      description: 'Build the control whose characters are drawn anew for each exchange',
      line: 'driftline organism build --seed 7 --independent --folder organisms/independent-7',
    },
  ],
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
});
