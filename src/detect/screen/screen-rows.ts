import { access, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createTrainingSet, writeTrainingSet } from '../../data/training-set.js';
import { countSteps } from '../../engine/train/plan-training.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { stoppedIn } from '../../runs/run-outline.js';
import { writeFailure } from '../../foundation/file-failure.js';
import { hashFile } from '../../foundation/hash-file.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import { openArtefactStore, type ArtefactStore } from '../artefact-store.js';
import { forecastDrift } from '../detectors/forecast-drift.js';
import { listFeatures } from '../detectors/set-features.js';
import { summariseSignals } from '../detectors/set-signals.js';
import { excuse, type SignalTexts } from '../probes/row-signals.js';
import type { ContextDistance } from '../probes/context-distances.js';
import { drawRows } from '../rows/row-answers.js';
import type { Surface } from '../surface/surface.js';
import { listSidedTexts } from '../texts/choice-pairs.js';
import { cleanRows } from './clean-rows.js';
import { composeScreen, describeScreenedRow, tabulateScreenedRows, type AskedBase } from './compose-screen.js';
import { chooseForecast, requireForecast } from './find-forecast.js';
import { probeFineTune } from './probe-fine-tune.js';
import { rankRows, type RankedRow } from './rank-rows.js';
import { readBaseSignals } from './read-base-signals.js';
import { readScreen, writeScreen, type ScreenFile } from './screen-file.js';
import type { ScreenedBaseSettings, ScreenSettings } from './screen-settings.js';
import { readTextSignals } from './text-signals.js';

export interface FinishedScreen {
  readonly folder: string;
  readonly screen: ScreenFile;
}

/**
 * Screens rows and writes what it found: screen.json, rows.jsonl, rows.csv and the cleaned file. It can be stopped at
 * any moment and called again: nothing that is stored is computed again, and the files come out the same. What screens
 * of other data have read of the same base is taken over.
 */
export async function screenRows(settings: ScreenSettings): Promise<FinishedScreen> {
  const { data, base, clean, screens, signal } = settings;
  const identity = hashJson({ rows: data.hash, base: base?.base.identity ?? null });
  const name = `${data.title.replace(/[^\p{L}\p{N}._-]+/gu, '-')}-${identity.slice(0, 8)}`;
  const folder = join(screens, name);
  const others = base === null ? [] : await listAlike(screens, name, base.base.identity);
  await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw writeFailure(folder, cause);
  });
  await requireCleanFile(folder, clean?.file ?? null);
  const store = openArtefactStore([folder, ...others.map((other) => join(screens, other))]);
  try {
    const found = base === null ? null : await askBase(settings, base, store, folder);
    const texts = readTextSignals(data.rows);
    const ranked = rankRows(texts.rows, found?.of.signals ?? null);
    const listed = ranked.map((row) => describeScreenedRow(data, row));
    const cleaned = clean === null ? null : await writeClean(settings, clean, ranked);
    const screen = composeScreen({ settings, found, texts, ranked, cleaned });
    await writeFileAtomically(join(folder, 'rows.jsonl'), listed.map((row) => `${JSON.stringify(row)}\n`).join(''));
    await writeFileAtomically(join(folder, 'rows.csv'), tabulateScreenedRows(listed));
    await writeScreen(folder, screen);
    return { folder, screen };
  } catch (cause) {
    throw signal?.aborted === true ? stoppedIn(folder, 'read', cause) : cause;
  } finally {
    await store.close();
  }
}

async function askBase(
  { data, level, rows, seed, clean, signal, onProgress }: ScreenSettings,
  { base, characters, bank, asked, recipe, forecast: named, forecasts, memory }: ScreenedBaseSettings,
  store: ArtefactStore,
  folder: string,
): Promise<AskedBase> {
  const texts: SignalTexts = { characters, sided: bank === null ? null : listSidedTexts(bank) };
  const places = drawRows(data.rows.length, clean === null ? rows : data.rows.length, seed);
  const stopping = signal === undefined ? {} : { signal };
  const of = await readBaseSignals({
    ...{ base, store, texts, asked, memory, rows: data.rows, places, ...stopping },
    onProgress: (part, done, total) => onProgress?.({ part, done, total }),
  });
  const set = summariseSignals(of.signals);
  const probe =
    level !== 'probe' || bank === null || asked === null || recipe === null
      ? null
      : await probeFineTune({
          ...{ base, rows: data.rows, recipe, bank, store, seed, ...stopping },
          ...{ surface: chooseProbed(asked.surface, of.contexts), folder: join(folder, 'probe') },
          listQuestions: asked.listQuestions,
          onProgress: (done, total) => onProgress?.({ part: 'probe', done, total }),
        });
  const steps = recipe === null ? null : countSteps(recipe, data.rows.length);
  const signals = hashSignals(texts);
  const wanted = {
    ...{ base: base.identity, name: base.reference.text, signals },
    features: listFeatures(set, { steps, probe: probe?.score ?? null }),
  };
  const learnt = named === null ? chooseForecast(forecasts, wanted) : requireForecast(named, wanted);
  return {
    ...{ of, set, asked: places.length, signals, steps, probe },
    forecast: learnt === null ? null : forecastDrift(wanted.features, learnt),
  };
}

/** Other screens by the same base, whose readings are taken over. */
async function listAlike(screens: string, own: string, identity: string): Promise<readonly string[]> {
  const names = (await readdir(screens).catch(() => [])).filter((name) => name !== own).sort();
  const bases = await Promise.all(
    names.map(async (name) => (await readScreen(join(screens, name)).catch(() => null))?.base?.identity),
  );
  return names.filter((_, place) => bases[place] === identity);
}

/** Contexts besides the plain one in which a probe chooses, the nearest to the rows. */
const probedContexts = 8;

/** The plain context, and those that are the nearest to the rows. */
function chooseProbed(surface: Surface, distances: readonly ContextDistance[] | null): Surface {
  const [plain, ...others] = surface.contexts;
  const nearest = (distances ?? []).map(({ name }) => name).filter((name) => name !== plain.name);
  const near = new Set(nearest.slice(0, probedContexts));
  return { ...surface, contexts: [plain, ...others.filter(({ name }) => near.has(name))] };
}

/** Of everything that decides what a base says of a row: a forecast goes by numbers of one such way of reading. */
export function hashSignals(texts: SignalTexts): string {
  return hashJson({ ...texts, excuse });
}

async function writeClean(
  { data }: ScreenSettings,
  { file, keep }: NonNullable<ScreenSettings['clean']>,
  ranked: readonly RankedRow[],
): Promise<ScreenFile['clean']> {
  const { rows, dropped } = cleanRows(data.rows, ranked, keep);
  if (rows.length === 0) throw nothingLeft(file);
  const { hash } = createTrainingSet({ name: data.name, rows, provenance: {} });
  await writeTrainingSet(file, { rows });
  return { file, kept: rows.length, dropped: dropped.length, sha256: hash };
}

/** Nobody's file is overwritten, but for one that this screen wrote before. */
async function requireCleanFile(folder: string, file: string | null): Promise<void> {
  const isThere =
    file !== null &&
    (await access(file).then(
      () => true,
      () => false,
    ));
  if (!isThere) return;
  const before = await readScreen(folder).catch(() => null);
  if (before?.clean?.file === file && before.clean.sha256 === (await hashFile(file))) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${file} is there already`,
    hint: 'Name another file, or remove this one.',
    details: { file },
  });
}

function nothingLeft(file: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `nothing would be left of the rows for ${file}`,
    hint: 'Keep a larger share: --keep 0.5.',
    details: { file },
  });
}
