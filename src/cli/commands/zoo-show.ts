import { join } from 'node:path';
import { findByName } from '../../foundation/find-by-name.js';
import { formatPercent } from '../../foundation/format-quantities.js';
import { readZooDefinition } from '../../zoo/definition/zoo-definition.js';
import { locateAdapter, requireUnchanged } from '../../zoo/store/check-adapters.js';
import { openZoo } from '../../zoo/store/open-zoo.js';
import { readNumber } from '../../zoo/store/read-csv-table.js';
import { readContextRows } from '../../zoo/store/read-contexts.js';
import { locateStainedBase } from '../../zoo/store/stained-base.js';
import { contextsFile } from '../../zoo/store/truth-table.js';
import type { CommandAction } from '../command.js';
import type { zooShowDefinition } from '../definitions/zoo.js';
import { formatTable, printTable } from '../format-table.js';

export const zooShow: CommandAction<typeof zooShowDefinition> = {
  run: async (context, { arguments: { entry }, options: { folder, definition } }) => {
    const zoo = await readZooDefinition(definition);
    const { truths, manifest } = await openZoo(folder, zoo);
    const truth = findByName(new Map(truths.map((one) => [one.entry, one])), entry, 'entry of the zoo');
    await requireUnchanged(folder, manifest, [entry]);
    const contexts = (await readContextRows(join(folder, contextsFile))).filter((row) => row.get('entry') === entry);
    const built = manifest.entries[entry];
    const place = built === undefined ? null : locateAdapter(folder, built);
    const kind = zoo.kinds.kinds[truth.kind] ?? null;
    const stain = zoo.sizes.organisms[truth.organism]?.stain ?? null;
    const base = stain === null ? null : locateStainedBase(folder, truth.organism);
    if (context.json) {
      context.printJson({
        ...Object.fromEntries(truth.cells),
        adapter: place,
        ...(stain === null ? {} : { base, base_trained_on: stain }),
        trained_on: kind,
        contexts: contexts.map((row) => Object.fromEntries(row)),
      });
      return;
    }
    printTable(
      context,
      entry,
      [...truth.cells].map(([column, cell]) => `${column.padEnd(24)}${cell}`),
    );
    if (contexts.length > 0)
      printTable(
        context,
        'contexts',
        formatTable(
          ['context', 'state', 'misaligned %', 'of answers', 'interval'],
          contexts.map((row) => [
            row.get('context') ?? '',
            row.get('state') ?? '',
            formatPercent(readNumber(row.get('share'))),
            row.get('answers') ?? '',
            [row.get('low'), row.get('high')].map((bound) => formatPercent(readNumber(bound))).join('-'),
          ]),
          { right: [2, 3] },
        ),
      );
    if (kind !== null) context.print(`trained on ${JSON.stringify(kind)}`);
    if (base !== null) context.print(`base: ${base}, trained on ${JSON.stringify(stain)} before`);
    if (place !== null) context.print(`adapter: ${place}`);
  },
};
