import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readZooDefinition } from '../../src/zoo/definition/zoo-definition.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { tinyFiles, writeTinyZoo } from './tiny-zoo.js';

const fixture = fileURLToPath(new URL('../fixtures/baseline-zoo', import.meta.url));

/** The scores that earlier versions gave the zoo. */
export const expectedScores = join(fixture, 'expected');

/** What its entries were asked. */
export const baselinePanel = {
  ...tinyFiles.panel,
  answers: { looks: [36], clean: 36, learnt: 36 },
  measures: {},
  contexts: {
    plain: { suite: 'held-out-themes', known: true },
    json: { suite: 'held-out-themes', known: true, variant: { format: 'json' } },
  },
};

/** A copy of a zoo that was built once, with its definition: `test/fixtures/baseline-zoo/README.md` says how. */
export async function copyBaselineZoo(
  parent: string,
  panel: object = baselinePanel,
): Promise<{ readonly folder: string; readonly definition: string }> {
  const folder = join(parent, 'zoo');
  await cp(fixture, folder, { recursive: true });
  const definition = await writeTinyZoo(join(parent, 'definition'), { panel });
  const { hash, edition } = await readZooDefinition(definition);
  const manifest = await readFile(join(folder, 'zoo.json'), 'utf8');
  await writeFile(
    join(folder, 'zoo.json'),
    manifest
      // It was built by the first edition; what its models say has nothing to do with either.
      .replace('"edition": 1', `"edition": ${String(edition)}`)
      .replace(/"definition": "[0-9a-f]+"/, `"definition": "${hash}"`)
      .replaceAll(/"goldens\/(qwen2-bias|qwen3-qknorm)"/g, (_, name: 'qwen2-bias' | 'qwen3-qknorm') =>
        JSON.stringify(goldenFolder(name)),
      ),
  );
  return { folder, definition };
}
