import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { describePlanFormat } from '../../experiment/plan/plan-format.js';
import { defineCommand } from '../command.js';
import { nonEmptyText } from '../option-values.js';

const schemaFile = 'plan.schema.json';
const readyPlans = fileURLToPath(new URL('../../../experiments/', import.meta.url));

export const init = defineCommand({
  name: 'init',
  summary: 'Write a plan to begin with',
  description: `Writes the plan, and beside it ${schemaFile}, by which editors complete and check it. Overwrites no plan.`,
  arguments: {
    plan: { description: 'File to write; plan.yaml if not given', schema: nonEmptyText.default('plan.yaml') },
  },
  options: {
    from: {
      value: 'NAME',
      description:
        'The ready plan that is written: a commented example, or one of the experiments that come with driftline, such as paper, backdoor or mixing',
      schema: nonEmptyText,
      default: 'example',
    },
  },
  examples: [
    { description: 'Begin an experiment', line: 'driftline init mine.yaml' },
    { description: "Begin with the paper's groups", line: 'driftline init paper.yaml --from paper' },
  ],
  run: async (context, { arguments: { plan: file }, options: { from } }) => {
    const text = `# yaml-language-server: $schema=./${schemaFile}\n${await readReadyPlan(from)}`;
    await writeFile(file, text, { flag: 'wx' }).catch(async (cause: unknown) => {
      if (cause instanceof Error && 'code' in cause && cause.code === 'EEXIST') throw alreadyThere(file);
      // Half a plan would be in the way of the next try.
      await rm(file, { force: true }).catch(() => undefined);
      throw writeFailure(file, cause);
    });
    const schema = join(dirname(file), schemaFile);
    await writeFileAtomically(schema, `${JSON.stringify(describePlanFormat(), null, 2)}\n`);
    if (context.json) context.printJson({ plan: file, schema });
    else context.print(`${file} is written. Look at it, then: driftline plan ${file}`);
  },
});

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
