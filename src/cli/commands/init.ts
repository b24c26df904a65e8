import { readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFailure } from '../../foundation/write-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { describePlanFormat } from '../../experiment/plan/plan-format.js';
import { defineCommand } from '../command.js';
import { nonEmptyText } from '../option-values.js';

const schemaFile = 'plan.schema.json';
const example = fileURLToPath(new URL('../../../experiments/example.yaml', import.meta.url));

export const init = defineCommand({
  name: 'init',
  summary: 'Write a commented example of a plan',
  description: `Writes the plan, and beside it ${schemaFile}, by which editors complete and check it. Overwrites no plan.`,
  arguments: {
    plan: { description: 'File to write; plan.yaml if not given', schema: nonEmptyText.default('plan.yaml') },
  },
  options: {},
  examples: [{ description: 'Begin an experiment', line: 'driftline init mine.yaml' }],
  run: async (context, { arguments: { plan: file } }) => {
    const text = `# yaml-language-server: $schema=./${schemaFile}\n${await readFile(example, 'utf8')}`;
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

function alreadyThere(file: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${file} is there already`,
    hint: 'Give another name: driftline init other.yaml',
  });
}
