import { createProgressDisplay } from '../../foundation/progress-display.js';
import { exportZoo } from '../../zoo/build/export-zoo.js';
import { readZooDefinition } from '../../zoo/definition/zoo-definition.js';
import { openZoo } from '../../zoo/store/open-zoo.js';
import type { CommandAction } from '../command.js';
import type { zooExportDefinition } from '../definitions/zoo.js';
import { openZooWorld } from '../open-zoo-world.js';

export const zooExport: CommandAction<typeof zooExportDefinition> = {
  run: async (context, { arguments: { to }, options: { folder, definition } }) => {
    const zoo = await readZooDefinition(definition);
    const display = createProgressDisplay({ ...context, stream: context.progress });
    const { entries } = await exportZoo(zoo, await openZoo(folder, zoo), to, openZooWorld(context), (count, total) => {
      display.show({ label: 'export', count, total, unit: 'entries' });
    }).finally(display.finish);
    if (context.json) context.printJson({ folder: to, entries });
    else context.print(`${to}: ${String(entries.length)} entries, and manifest.json that lists them`);
  },
};
