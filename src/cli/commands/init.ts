import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { describePlanFormat } from '../../experiment/plan/plan-format.js';
import type { CommandAction } from '../command.js';
import { planSchemaFile, type initDefinition } from '../definitions/plans.js';

const readyPlans = fileURLToPath(new URL('../../../experiments/', import.meta.url));

export const init: CommandAction<typeof initDefinition> = {
  run: async (context, { arguments: { plan: file }, options: { from } }) => {
    const text = `# yaml-language-server: $schema=./${planSchemaFile}\n${await readReadyPlan(from)}`;
    await writeFile(file, text, { flag: 'wx' }).catch(async (cause: unknown) => {
      if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') throw alreadyThere(file);
      // Half a plan would block the next try.
      await rm(file, { force: true }).catch(() => undefined);
      throw writeFailure(file, cause);
    });
    const schema = join(dirname(file), planSchemaFile);
    await writeFileAtomically(schema, `${JSON.stringify(describePlanFormat(), null, 2)}\n`);
    if (context.json) context.printJson({ plan: file, schema });
    else context.print(`${file} is written. Look at it, then: driftline plan ${file}`);
  },
};

async function readReadyPlan(name: string): Promise<string> {
  const plans = (await readdir(readyPlans)).filter((file) => file.endsWith('.yaml'));
  const file = findByName(new Map(plans.map((plan) => [plan.slice(0, -'.yaml'.length), plan])), name, 'ready plan');
  return readFile(join(readyPlans, file), 'utf8');
}

function alreadyThere(file: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${file} is there already`,
    hint: 'Give another name: driftline init other.yaml',
  });
}
