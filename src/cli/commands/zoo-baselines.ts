import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Detector } from '../../detect/detector.js';
import { findByName } from '../../foundation/find-by-name.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { openBaseModel } from '../../models/open-base-model.js';
import { readZooDefinition } from '../../zoo/definition/zoo-definition.js';
import { baselines } from '../../zoo/detectors/baselines.js';
import { openSubjects } from '../../zoo/detectors/open-subjects.js';
import { scoreSubjects, writeScores } from '../../zoo/detectors/score-subjects.js';
import { openZooForScoring } from '../../zoo/scores/score-zoo.js';
import type { CommandAction } from '../command.js';
import type { zooBaselinesDefinition } from '../definitions/zoo.js';

export const zooBaselines: CommandAction<typeof zooBaselinesDefinition> = {
  run: async (context, { arguments: { baselines: given = [] }, options }) => {
    const { environment, fetch, signal, now: clock, notify: onNotice } = context;
    const { folder, definition, seed, threads = availableParallelism() } = options;
    const wanted = (given.length === 0 ? [...baselines.keys()] : given).map((name) =>
      findByName(baselines, name, 'baseline'),
    );
    const zoo = await readZooDefinition(definition);
    const opened = await openZooForScoring(folder, zoo);
    const display = createProgressDisplay({ ...context, stream: context.progress });
    const subjects = await openSubjects(opened, {
      panel: zoo.panel,
      openBase: (reference) => openBaseModel(reference, { environment, fetch, signal, threads, clock, onNotice }),
    });
    const to = options.to ?? join(folder, 'scores');
    await mkdir(to, { recursive: true }).catch((cause: unknown) => {
      throw writeFailure(to, cause);
    });
    const files: ({ readonly file: string } & Pick<Detector, 'name' | 'description' | 'affordances'>)[] = [];
    try {
      for (const create of wanted) {
        const detector = create({ organisms: subjects.organisms, panel: zoo.panel });
        const { name, description, affordances } = detector;
        const readings = await scoreSubjects(detector, subjects.organisms, {
          ...{ seed, signal },
          onProgress: (organism, count, total) => {
            display.show({ label: `${name}, organism ${organism}`, count, total, unit: 'entries' });
          },
        });
        const file = join(to, `${name}.csv`);
        await writeFileAtomically(file, writeScores(opened.truths, readings));
        files.push({ file, name, description, affordances });
      }
    } finally {
      display.finish();
      await subjects.close();
    }
    if (context.json) context.printJson({ files });
    else
      for (const { file, description, affordances } of files)
        context.print(`${file}: ${description}; needs ${affordances.join(', ')}`);
    context.notify(`score them: driftline zoo score ${files.map(({ file }) => file).join(' ')}`);
  },
};
