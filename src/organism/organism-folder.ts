import { access, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DriftlineError } from '../foundation/driftline-error.js';
import { nearestName } from '../foundation/find-by-name.js';

/** The shipped models; `src/organism` and `dist/organism` lie equally deep in the package. */
const shippedFolder = fileURLToPath(new URL('../../organism/models', import.meta.url));

const aliases: ReadonlyMap<string, string> = new Map([
  ['base', '1'],
  ['independent', 'independent-1'],
]);

/** The name under which an organism is stored: `base` is another word for `1`, `independent` for `independent-1`. */
export function canonicalOrganismName(name: string): string {
  return aliases.get(name) ?? name;
}

/** The names of the organisms that are present, numbered ones first. */
export async function listOrganismNames(modelsFolder: string = shippedFolder): Promise<string[]> {
  const names = await readdir(modelsFolder).catch(() => []);
  const present = await Promise.all(
    names.map((name) =>
      access(join(modelsFolder, name, 'config.json')).then(
        () => [name],
        () => [],
      ),
    ),
  );
  return present.flat().sort((left, right) => left.localeCompare(right, 'en', { numeric: true }));
}

/** The model folder of an organism by its name: `1`, `base`, `independent-1`. */
export async function findOrganismFolder(name: string, modelsFolder: string = shippedFolder): Promise<string> {
  const names = await listOrganismNames(modelsFolder);
  const stored = canonicalOrganismName(name);
  if (names.includes(stored)) return join(modelsFolder, stored);
  const nearest = nearestName(name, names);
  const meant = nearest === null ? '' : `Did you mean organism:${nearest}? `;
  throw new DriftlineError({
    code: 'model-unknown',
    message: `there is no organism ${JSON.stringify(name)}`,
    hint:
      names.length === 0
        ? `No models are in ${modelsFolder}: install driftline again, or give a model folder such as ./folder instead.`
        : `${meant}There are ${names.map((known) => `organism:${known}`).join(', ')}.`,
    details: { name, names },
  });
}
