import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { findByName } from '../../foundation/find-by-name.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { writeCsv } from '../../foundation/write-csv.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { createProgressDisplay } from '../../foundation/progress-display.js';
import { openBaseModel } from '../../models/open-base-model.js';
import { readZooDefinition } from '../../zoo/definition/zoo-definition.js';
import { baselines, learnTexts } from '../../zoo/detectors/baselines.js';
import type { Detector } from '../../zoo/detectors/detector.js';
import { openDetectorZoos } from '../../zoo/detectors/open-detector-zoos.js';
import type { ReferenceText } from '../../zoo/detectors/reference-texts.js';
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
    const shown = { label: '' };
    const zoos = await openDetectorZoos(opened, {
      ...{ panel: zoo.panel, seed, signal },
      openBase: (reference) => openBaseModel(reference, { environment, fetch, signal, threads, clock, onNotice }),
      onProgress: (count, total) => {
        display.show({ label: shown.label, count, total, unit: 'entries' });
      },
    });
    const to = options.to ?? join(folder, 'scores');
    await mkdir(to, { recursive: true }).catch((cause: unknown) => {
      throw writeFailure(to, cause);
    });
    let texts: Promise<readonly ReferenceText[]> | null = null;
    const files: ({ readonly file: string } & Pick<Detector, 'name' | 'description' | 'affordances'>)[] = [];
    try {
      for (const { name, create } of wanted) {
        const detector = await create(() => (texts ??= learnTexts(zoos)));
        const scores = new Map<string, number>();
        for (const one of zoos) {
          shown.label = `${name}, organism ${one.organism}`;
          for (const [entry, score] of await detector.score(one)) scores.set(entry, score);
        }
        // What was added from elsewhere has no answers and no weights here: nothing speaks against it.
        const least = Math.min(...scores.values());
        const rows = opened.truths.map(({ entry }) => [entry, scores.get(entry) ?? least] as const);
        const file = join(to, `${name}.csv`);
        await writeFileAtomically(file, writeCsv(['entry', 'score'], rows));
        const { description, affordances } = detector;
        files.push({ file, name, description, affordances });
      }
    } finally {
      display.finish();
    }
    if (context.json) context.printJson({ files });
    else
      for (const { file, description, affordances } of files)
        context.print(`${file}: ${description}; needs ${affordances.join(', ')}`);
    context.notify(`score them: driftline zoo score ${files.map(({ file }) => file).join(' ')}`);
  },
};
