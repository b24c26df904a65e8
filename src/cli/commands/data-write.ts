import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeTrainingSet } from '../../data/training-set.js';
import { loadConditionSet } from '../../experiment/plan/load-training-set.js';
import { locateFrom } from '../../experiment/plan/plan-models.js';
import { isTrained, planSchema } from '../../experiment/plan/plan-schema.js';
import { readWorldOfBases } from '../../experiment/plan/world-of-bases.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { readYaml } from '../../foundation/read-yaml.js';
import { openOrganism } from '../../organism/organism.js';
import type { CommandAction } from '../command.js';
import { explainMissingPlan } from '../ready-plans.js';
import type { dataWriteDefinition } from '../definitions/data.js';

export const dataWrite: CommandAction<typeof dataWriteDefinition> = {
  run: async (context, { arguments: { plan: source, condition: name, file = `${name}.jsonl` }, options }) => {
    const plan = await readYaml(source, planSchema, 'docs/experiments.md').catch(async (failure: unknown) => {
      throw await explainMissingPlan(source, failure);
    });
    const condition = findByName(new Map(Object.entries(plan.conditions)), name, 'condition');
    if (!isTrained(condition)) throw notTrained(name);
    const { seed = condition.seeds?.[0] ?? plan.seeds[0] ?? 0 } = options;
    const folder = dirname(source);
    const organism = openOrganism(() => readWorldOfBases(plan.bases, (path) => locateFrom(folder, path), source));
    const set = await loadConditionSet(condition, seed, { organism, folder });
    await requireNewFile(file);
    await writeTrainingSet(file, set);
    const { hash, rows } = set;
    if (context.json) context.printJson({ file, condition: name, seed, rows: rows.length, sha256: hash });
    else context.print(`${file}: ${String(rows.length)} rows of ${name}, seed ${String(seed)}, sha256 ${hash}`);
  },
};

/** Refuses a file that is there already: nobody's file is overwritten. */
export async function requireNewFile(file: string): Promise<void> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  if (isThere) throw alreadyThere(file);
}

function notTrained(condition: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${condition} is made of models that exist: the plan knows no rows of it`,
    hint: 'Name a condition that has data.',
  });
}

function alreadyThere(file: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${file} is there already`,
    hint: 'Name another file, or remove this one.',
    details: { file },
  });
}
