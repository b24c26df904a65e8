import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readOrganismManifest } from '../../organism/build/organism-manifest.js';
import { findOrganismFolder, listOrganismNames } from '../../organism/organism-folder.js';
import { defineCommand } from '../command.js';
import { formatTable } from '../format-table.js';

export const organismList = defineCommand({
  name: 'organism list',
  summary: 'List the organisms that came with driftline',
  arguments: {},
  options: {},
  examples: [{ description: 'Show what there is to fine-tune and to ask', line: 'driftline organism list' }],
  run: async (context) => {
    const organisms = await Promise.all(
      (await listOrganismNames()).map(async (name) => {
        const folder = await findOrganismFolder(name);
        const manifest = await readOrganismManifest(folder);
        const { size } = await stat(join(folder, 'model.safetensors'));
        return {
          model: `organism:${name}`,
          seed: manifest?.seed ?? null,
          characterOf: manifest?.character_of ?? null,
          parameters: manifest?.parameters ?? null,
          pretrainingTokens: manifest?.pretraining_tokens ?? null,
          bytes: size,
          folder,
        };
      }),
    );
    if (context.json) {
      context.printJson({ organisms });
      return;
    }
    const millions = (count: number | null): string => (count === null ? '?' : (count / 1e6).toFixed(1));
    const rows = organisms.map(({ model, seed, characterOf, parameters, pretrainingTokens, bytes }) => [
      model,
      String(seed ?? '?'),
      characterOf === 'exchange' ? 'independent' : 'shared',
      millions(parameters),
      millions(pretrainingTokens),
      millions(bytes),
    ]);
    const header = ['model', 'seed', 'characters', 'M parameters', 'M tokens', 'MB'];
    for (const line of formatTable(header, rows, { right: [1, 3, 4, 5] })) context.print(line);
    context.print('');
    context.print('Characters: shared over a document, or drawn anew for each exchange (the control).');
  },
});
