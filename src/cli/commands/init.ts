import { rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { describePlanFormat } from '../../experiment/plan/plan-format.js';
import type { CommandAction } from '../command.js';
import { isReadyPlan, readReadyPlan } from '../ready-plans.js';
import { planSchemaFile, type initDefinition } from '../definitions/plans.js';

export const init: CommandAction<typeof initDefinition> = {
  run: async (context, { arguments: { plan: file }, options: { from: named } }) => {
    // Whoever names a ready plan alone means it, and not a file of that name without an ending.
    if (named === undefined && (await isReadyPlan(file))) throw isNoFile(file);
    const from = named ?? 'example';
    const text = `# yaml-language-server: $schema=./${planSchemaFile}\n${nameAfter(file, await readReadyPlan(from))}`;
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

/** The example is called as its file is, and so are its runs; the others keep the names that pages about them use. */
function nameAfter(file: string, text: string): string {
  const [name] = basename(file).split('.');
  return /^[a-z0-9][a-z0-9_-]*$/.test(name ?? '') ? text.replace(/^name: example$/m, `name: ${name ?? ''}`) : text;
}

function isNoFile(name: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${name} is a plan that comes with driftline, and not the name of a file`,
    hint: `Did you mean driftline init ${name}.yaml --from ${name}?`,
  });
}

function alreadyThere(file: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${file} is there already`,
    hint: 'Give another name: driftline init other.yaml',
  });
}
