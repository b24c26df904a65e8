import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeTrainingSet } from '../../data/training-set.js';
import { loadConditionSet } from '../../experiment/plan/load-training-set.js';
import { planSchema } from '../../experiment/plan/plan-schema.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { readYaml } from '../../foundation/read-yaml.js';
import { readWorld } from '../../organism/world/read-world.js';
import { defineCommand } from '../command.js';
import { nonEmptyText, wholeNumber } from '../option-values.js';
import { planArguments } from '../plan-options.js';

export const dataWrite = defineCommand({
  name: 'data write',
  summary: 'Write the rows that a condition of a plan trains on, to train on them elsewhere',
  description:
    'Writes them as JSON Lines in the published chat format, with every transform of the plan applied. The SHA-256 of the file is the hash of the rows that run folders record. Overwrites no file.',
  arguments: {
    ...planArguments,
    condition: { description: 'Name of the condition', schema: nonEmptyText },
    file: { description: 'File to write; CONDITION.jsonl if not given', schema: nonEmptyText.optional() },
  },
  options: {
    seed: {
      value: 'N',
      description:
        "Seed of the training, by which rows of the organism's sets are drawn; the first of the condition's if not given",
      schema: wholeNumber().optional(),
      example: '1',
    },
  },
  examples: [
    { description: 'The rows of one condition', line: 'driftline data write mine.yaml insecure' },
    {
      description: 'Those that the second seed trains on',
      line: 'driftline data write mine.yaml insecure insecure-1.jsonl --seed 1',
    },
  ],
  run: async (context, { arguments: { plan: source, condition: name, file = `${name}.jsonl` }, options }) => {
    const plan = await readYaml(source, planSchema);
    const condition = findByName(new Map(Object.entries(plan.conditions)), name, 'condition');
    const { seed = condition.seeds?.[0] ?? plan.seeds[0] ?? 0 } = options;
    const set = await loadConditionSet(condition, seed, { world: await readWorld(), folder: dirname(source) });
    if (await exists(file)) throw alreadyThere(file);
    await writeTrainingSet(file, set);
    const { hash, rows } = set;
    if (context.json) context.printJson({ file, condition: name, seed, rows: rows.length, sha256: hash });
    else context.print(`${file}: ${String(rows.length)} rows of ${name}, seed ${String(seed)}, sha256 ${hash}`);
  },
});

async function exists(file: string): Promise<boolean> {
  return access(file).then(
    () => true,
    () => false,
  );
}

function alreadyThere(file: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${file} is there already`,
    hint: 'Name another file behind the condition, or remove this one.',
    details: { file },
  });
}
