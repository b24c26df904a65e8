import { addEntries } from '../../zoo/build/add-entries.js';
import { readZooDefinition } from '../../zoo/definition/zoo-definition.js';
import { openZoo } from '../../zoo/store/open-zoo.js';
import type { CommandAction } from '../command.js';
import type { zooAddDefinition } from '../definitions/zoo.js';

export const zooAdd: CommandAction<typeof zooAddDefinition> = {
  run: async (context, { arguments: { source }, options: { truth, folder, definition } }) => {
    const zoo = await openZoo(folder, await readZooDefinition(definition));
    const { added } = await addEntries(zoo, source, truth);
    const entries = added.map(({ entry, organism, part, class: found }) => ({ entry, organism, part, class: found }));
    if (context.json) context.printJson({ folder, added: entries });
    else
      for (const one of entries)
        context.print(`${one.entry}: ${one.class}, ${one.part}, scored with other fine-tunes of ${one.organism}`);
    context.notify('Files of scores now need these entries, too.');
  },
};
