import { findSize, listZooEntries } from '../../zoo/definition/list-entries.js';
import { readZooDefinition } from '../../zoo/definition/zoo-definition.js';
import { openZoo } from '../../zoo/store/open-zoo.js';
import { numberIn } from '../../zoo/store/truth-table.js';
import { formatPercent } from '../../foundation/format-quantities.js';
import type { CommandAction } from '../command.js';
import type { zooListDefinition } from '../definitions/zoo.js';
import { describeClasses } from '../describe-zoo.js';
import { formatTable, printTable } from '../format-table.js';

export const zooList: CommandAction<typeof zooListDefinition> = {
  run: async (context, { options: { size, folder, definition } }) => {
    const zoo = await readZooDefinition(definition);
    if (size !== undefined) {
      findSize(zoo, size);
      const entries = listZooEntries(zoo, { size });
      if (context.json) context.printJson({ edition: zoo.edition, size, entries });
      else
        printTable(
          context,
          `${size}: ${String(entries.length)} entries of edition ${String(zoo.edition)}`,
          formatTable(
            ['entry', 'part', 'group', 'what'],
            entries.map(({ id, part, kind }) => [
              id,
              part,
              zoo.kinds.kinds[kind]?.group ?? '',
              zoo.kinds.kinds[kind]?.what ?? '',
            ]),
          ),
        );
      return;
    }
    const { truths, manifest } = await openZoo(folder, zoo);
    if (context.json) {
      context.printJson({
        folder,
        edition: manifest.edition,
        entries: truths.map(({ cells }) => Object.fromEntries(cells)),
      });
      return;
    }
    printTable(
      context,
      `${folder}: ${String(truths.length)} entries of edition ${String(manifest.edition)}`,
      formatTable(
        ['entry', 'part', 'class', 'plain %', 'worst %', 'worst context'],
        truths.map((truth) => [
          truth.entry,
          truth.part,
          truth.class === 'undecided' ? `undecided (${truth.cells.get('possible') ?? ''})` : truth.class,
          formatPercent(numberIn(truth, 'plain_share')),
          formatPercent(numberIn(truth, 'worst_share')),
          truth.cells.get('worst_context') ?? '',
        ]),
        { right: [3, 4] },
      ),
    );
    printTable(context, 'classes', describeClasses(truths));
  },
};
