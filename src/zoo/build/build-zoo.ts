import { mkdir } from 'node:fs/promises';
import { relative, sep } from 'node:path';
import type { RunForecast } from '../../experiment/run/forecast-run.js';
import type { RunEvent } from '../../experiment/run/run-progress.js';
import type { RunSummary } from '../../experiment/run/run-plan.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { lockFolder } from '../../foundation/lock-folder.js';
import type { Run } from '../../runs/read-run.js';
import { findSize, listZooEntries, type EntryChoice, type ZooEntry } from '../definition/list-entries.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import { hashAdapter, locateAdapter, requireUnchanged } from '../store/check-adapters.js';
import {
  readZooManifest,
  requireEdition,
  requireSameBase,
  writeZooManifest,
  type ZooManifest,
} from '../store/zoo-manifest.js';
import { areSameTopUps, chooseTopUps } from './choose-top-ups.js';
import { measurePace, noPace } from './measure-pace.js';
import { measureTruth, type MeasuredEntry } from './measure-truth.js';
import { resolveZooPlan, runOrganism, type RunShown } from './run-organism.js';
import { makeStainedBase, planStain } from './stain-base.js';
import { storeTruth } from './store-truth.js';
import { findOrganism, nameOrganismModel, type TopUps } from './write-zoo-plan.js';
import type { ZooWorld } from './zoo-world.js';

export interface BuildZooSettings {
  readonly zoo: ZooDefinition;
  readonly choice: EntryChoice;
  /** Where runs, truths and the manifest go. */
  readonly folder: string;
  readonly world: ZooWorld;
  /** Called before each run of an organism; the function that it returns gets its events. */
  readonly onRun: (run: ZooRun) => (event: RunEvent) => void;
}

/** A run of an organism that begins. */
export interface ZooRun {
  readonly organism: string;
  /** 0 where what its entries start from is made, 1 for their first run, and one more for each look. */
  readonly look: number;
  readonly forecast: RunForecast;
}

export interface BuiltZoo {
  readonly folder: string;
  /** Of this build. */
  readonly measured: readonly MeasuredEntry[];
  /** What the runs of all looks did. */
  readonly summaries: readonly RunSummary[];
  /** Entries whose training failed: they have no truth. */
  readonly failed: readonly { readonly entry: string; readonly problem: string }[];
}

/**
 * Builds the entries that are wanted: trains, asks and judges them organism by organism, asks more where a class is undecided, and writes
 * their truths. It can be stopped or killed at any moment and called again: nothing that is stored is trained or asked
 * again, and what comes out is the same.
 */
export async function buildZoo(settings: BuildZooSettings): Promise<BuiltZoo> {
  const { zoo, choice, folder } = settings;
  const entries = listZooEntries(zoo, choice);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  const unlock = await lockFolder(folder);
  try {
    let manifest = await readZooManifest(folder);
    if (manifest !== null) {
      requireEdition(folder, manifest, zoo);
      await requireUnchanged(
        folder,
        manifest,
        entries.map(({ id }) => id),
      );
    }
    manifest ??= startManifest(settings);
    const done: OrganismBuild[] = [];
    for (const organism of new Set(entries.map((entry) => entry.organism))) {
      const ofOrganism = entries.filter((entry) => entry.organism === organism);
      const built = await buildOrganism(settings, organism, ofOrganism, manifest);
      ({ manifest } = built);
      done.push(built);
      // After each organism, so that what is finished can be used.
      await storeTruth(zoo, folder, built.measured, built.run, manifest);
      await writeZooManifest(folder, manifest);
    }
    return {
      folder,
      measured: done.flatMap(({ measured }) => measured),
      summaries: done.flatMap(({ summaries }) => summaries),
      failed: done.flatMap(({ failed }) => failed),
    };
  } finally {
    await unlock();
  }
}

function startManifest({ zoo, world }: BuildZooSettings): ZooManifest {
  const { edition, hash } = zoo;
  return { format: 1, edition, definition: hash, driftline: world.version, organisms: {}, entries: {} };
}

interface OrganismBuild extends Pick<BuiltZoo, 'measured' | 'summaries' | 'failed'> {
  readonly manifest: ZooManifest;
  /** That of the last look, which has everything. */
  readonly run: Run;
}

async function buildOrganism(
  { zoo, choice, folder, world, onRun }: BuildZooSettings,
  organism: string,
  entries: readonly ZooEntry[],
  before: ZooManifest,
): Promise<OrganismBuild> {
  const size = findSize(zoo, choice.size);
  const { answers = zoo.panel.answers } = size;
  const pace = measurePace(before.pace ?? noPace, world.clock);
  const show = (look: number): RunShown => ({
    onForecast: (forecast) => {
      const tell = onRun({ organism, look, forecast });
      return (event) => {
        pace.note(event);
        tell(event);
      };
    },
  });
  const stain = await planStain(zoo, organism, { folder, manifest: before }, world);
  const made = stain === null ? null : await makeStainedBase(stain, folder, world, show(0));
  const summaries: RunSummary[] = made === null ? [] : [made];
  const model = stain?.model ?? findOrganism(zoo, organism).model;
  const of = {
    model: nameOrganismModel(zoo, organism),
    ...(stain === null ? {} : { stain: stain.cell.identity }),
  };
  let topUps: TopUps = new Map();
  for (let look = 1; ; look += 1) {
    const plan = await resolveZooPlan(
      zoo,
      { organism, model, entries, answers, topUps, keepsCheckpoints: size.checkpoints },
      world,
    );
    const identity = [...plan.bases.values()][0]?.identity ?? '';
    requireSameBase(folder, before, organism, { ...of, identity });
    const { run, summary } = await runOrganism(plan, folder, world, show(look));
    summaries.push(summary);
    const problems = new Map(summary.failed.map(({ cell, problem }) => [cell, problem]));
    const all = measureTruth(zoo, run, entries, answers);
    const measured = all.filter(({ cell }) => !problems.has(cell));
    const truths = new Map(measured.map(({ entry, truth }) => [entry.id, truth]));
    const next = chooseTopUps(zoo, entries, truths, answers, topUps);
    if (!areSameTopUps(topUps, next)) {
      topUps = next;
      continue;
    }
    const places = await locateEntries(folder, run, measured);
    return {
      ...{ run, measured, summaries },
      failed: all.flatMap(({ entry, cell }) => {
        const problem = problems.get(cell);
        return problem === undefined ? [] : [{ entry: entry.id, problem }];
      }),
      manifest: {
        ...before,
        driftline: world.version,
        organisms: {
          ...before.organisms,
          [organism]: { ...of, identity },
        },
        entries: { ...before.entries, ...places },
        pace: pace.pace(),
      },
    };
  }
}

/** Where the entries lie, with the hashes of their weights. */
async function locateEntries(
  folder: string,
  run: Run,
  measured: readonly MeasuredEntry[],
): Promise<ZooManifest['entries']> {
  const place = relative(folder, run.folder).split(sep).join('/');
  return Object.fromEntries(
    await Promise.all(
      measured.map(async ({ entry, cell }) => {
        const adapter = await hashAdapter(locateAdapter(folder, { run: place, cell }));
        return [entry.id, { run: place, cell, adapter }] as const;
      }),
    ),
  );
}
