import { mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Detector, Reading } from '../detect/detector.js';
import { writeFailure } from '../foundation/file-failure.js';
import { createProgressDisplay } from '../foundation/progress-display.js';
import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import { openBaseModel } from '../models/open-base-model.js';
import type { Part } from '../zoo/definition/sizes.js';
import { readZooDefinition, type ZooDefinition } from '../zoo/definition/zoo-definition.js';
import { openSubjects, type OrganismSubjects } from '../zoo/detectors/open-subjects.js';
import { scoreSubjects } from '../zoo/detectors/score-subjects.js';
import { openZooForScoring } from '../zoo/scores/score-zoo.js';
import type { TruthRow } from '../zoo/store/truth-table.js';
import type { CommandContext } from './command-context.js';

interface ScoreEntriesOptions {
  readonly folder: string;
  readonly definition?: string | undefined;
  readonly part?: Part | undefined;
  readonly 'erring-judge': boolean;
  /** Where files go; scores in the folder of the zoo if not given. */
  readonly to?: string | undefined;
  readonly seed: number;
  readonly threads?: number | undefined;
}

/** A zoo whose entries are scored. */
export interface ScoredOrganisms {
  readonly zoo: ZooDefinition;
  readonly truths: readonly TruthRow[];
  readonly organisms: readonly OrganismSubjects[];
}

interface ScoreEntriesParts {
  /** The detectors, each made when its turn comes. Called before anything is read of a zoo's models. */
  readonly listDetectors: (scored: ScoredOrganisms) => readonly (() => Detector | Promise<Detector>)[];
  /** Files by their endings, such as `.csv`. */
  readonly describeReadings: (
    readings: ReadonlyMap<string, Reading>,
    scored: ScoredOrganisms,
  ) => Readonly<Record<string, string>>;
}

/** Scores every entry of a zoo by some detectors, and writes the files of each, called by its name. */
export async function scoreEntries(
  context: CommandContext,
  { folder, definition, part, seed, threads = availableParallelism(), ...options }: ScoreEntriesOptions,
  { listDetectors, describeReadings }: ScoreEntriesParts,
): Promise<void> {
  const { environment, fetch, signal, now: clock, notify: onNotice } = context;
  const zoo = await readZooDefinition(definition);
  const { truths, ...opened } = await openZooForScoring(folder, zoo, part);
  const display = createProgressDisplay({ ...context, stream: context.progress });
  const subjects = await openSubjects(
    { truths, ...opened },
    {
      ...{ panel: zoo.panel, judgeErrs: options['erring-judge'] },
      openBase: (reference) => openBaseModel(reference, { environment, fetch, signal, threads, clock, onNotice }),
    },
  );
  const to = options.to ?? join(folder, 'scores');
  await mkdir(to, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(to, cause);
  });
  const { organisms } = subjects;
  const files: ({ readonly file: string } & Pick<Detector, 'name' | 'description' | 'affordances'>)[] = [];
  const cannot: { readonly name: string; readonly cannot: string }[] = [];
  try {
    for (const make of listDetectors({ zoo, truths, organisms })) {
      const detector = await make();
      const { name, description, affordances, settings } = detector;
      const readings = await scoreSubjects(detector, organisms, {
        ...{ seed, signal },
        onProgress: (organism, count, total) => {
          display.show({ label: `${name}, organism ${organism}`, count, total, unit: 'entries' });
        },
      });
      const all = [...readings.values()];
      if (all.every(({ score }) => score === null)) {
        cannot.push({ name, cannot: all.find((one) => one.cannot !== null)?.cannot ?? 'there is no entry' });
        continue;
      }
      const { edition, hash } = zoo;
      const about = {
        ...{ detector: name, description, affordances, settings, seed, part: part ?? null },
        edition,
        judge_errs: options['erring-judge'],
      };
      const written = {
        ...describeReadings(readings, { zoo, truths, organisms }),
        '.json': `${JSON.stringify({ ...about, definition: hash }, null, 2)}\n`,
      };
      for (const [ending, text] of Object.entries(written))
        await writeFileAtomically(join(to, `${name}${ending}`), text);
      files.push({ file: join(to, `${name}.csv`), name, description, affordances });
    }
  } finally {
    display.finish();
    await subjects.close();
  }
  if (context.json) context.printJson({ files, ...(cannot.length > 0 ? { cannot } : {}) });
  else
    for (const { file, description, affordances } of files)
      context.print(`${file}: ${description}; needs ${affordances.join(', ')}`);
  for (const { name, cannot: reason } of cannot) context.notify(`${name} scores no entry: ${reason}`);
  if (files.length > 0)
    context.notify(
      `score them: driftline zoo score ${files.map(({ file }) => file).join(' ')}${part === undefined ? '' : ` --part ${part}`}`,
    );
}
