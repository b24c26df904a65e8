import { forecastMemory } from '../../experiment/run/forecast-memory.js';
import { forecastRun, type RunForecast } from '../../experiment/run/forecast-run.js';
import { measureSpeed, type MeasuredSpeed } from '../../experiment/run/measure-speed.js';
import type { ResolvedPlan } from '../../experiment/plan/resolved-plan.js';
import { findSize, listZooEntries, type EntryChoice, type ZooEntry } from '../definition/list-entries.js';
import type { AnswerCounts } from '../definition/panel.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import { readZooManifest, requireEdition, type Pace } from '../store/zoo-manifest.js';
import { countAdapterBytes } from './adapter-bytes.js';
import { looksOfContexts } from './choose-top-ups.js';
import { locateRuns, resolveZooPlan } from './run-organism.js';
import { countBaseBytes, planStain } from './stain-base.js';
import { findOrganism, firstAnswers } from './write-zoo-plan.js';
import type { ZooWorld } from './zoo-world.js';

/** What a build has left to do, and what it takes. */
export interface ZooForecast {
  readonly entries: number;
  readonly stepsToDo: number;
  /** At the first look, and if every class stayed undecided to the last. */
  readonly answersToAsk: readonly [least: number, most: number];
  /** For one cell after the other; null where nothing is known of the speed. */
  readonly seconds: readonly [least: number, most: number] | null;
  /** Where the speed is from: builds of this folder, a few steps and answers that were timed now, or the size of the model. */
  readonly how: 'this folder' | MeasuredSpeed['how'];
  /** An estimate: adapters by their sizes, answers and judgements by what they usually take. */
  readonly bytes: readonly [least: number, most: number];
}

/** Of an answer and its judgement in the files of a run: 420 and 419 in one of the zoo's. */
const bytesPerAnswer = 840;

/** Fewer steps or answers than this say little about the speed of a machine. */
const telling = { steps: 50, answers: 1000 };

/**
 * Counts and estimates what a build would do. Trains and asks nothing that counts, and writes nothing. It draws the rows of each entry, which
 * takes minutes for hundreds of them: `onEntries` is told of how many it has.
 */
export async function forecastZoo(
  zoo: ZooDefinition,
  choice: EntryChoice,
  folder: string,
  world: ZooWorld,
  onEntries: (drawn: number, all: number) => void = () => undefined,
): Promise<ZooForecast> {
  const entries = listZooEntries(zoo, choice);
  const size = findSize(zoo, choice.size);
  const { answers = zoo.panel.answers } = size;
  const manifest = await readZooManifest(folder);
  // What a zoo of another edition has is nothing that is left out here: it is refused, as building in its folder is.
  if (manifest !== null) requireEdition(folder, manifest, zoo);
  const before = manifest?.pace;
  let speed: { readonly step: number; readonly answer: number; readonly how: ZooForecast['how'] } | null =
    before === undefined || before.steps < telling.steps || before.answers < telling.answers
      ? null
      : { ...readPace(before), how: 'this folder' };
  let [steps, least, most, adapters, bases, drawn] = [0, 0, 0, 0, 0, 0];
  onEntries(drawn, entries.length);
  for (const organism of new Set(entries.map((entry) => entry.organism))) {
    const ofOrganism = entries.filter((entry) => entry.organism === organism);
    const stain = await planStain(zoo, organism, { folder, manifest }, world);
    const isMissing = stain !== null && !stain.isMade;
    // On a base that is not there yet steps and answers are as many as on what it is made from.
    const model = stain === null || isMissing ? findOrganism(zoo, organism).model : stain.model;
    const asked = { organism, model, entries: ofOrganism, answers, keepsCheckpoints: size.checkpoints };
    const ofEntries = await resolveZooPlan(zoo, { ...asked, topUps: new Map() }, world);
    for (const plan of isMissing ? [stain.plan, ofEntries] : [ofEntries]) {
      const forecast = await forecastRun(locateRuns(folder), plan);
      const toDo = forecast.cells.reduce((sum, { stepsToDo }) => sum + stepsToDo, 0);
      const toAsk = forecast.cells.reduce((sum, { answersToAsk }) => sum + answersToAsk, 0);
      if (speed === null && toDo + toAsk > 0) speed = await timePlan(plan, forecast, world);
      steps += toDo;
      least += toAsk;
      most += toAsk;
      adapters += await sumAdapters(plan, forecast, world);
    }
    most += foreseeTopUps(zoo, ofOrganism, answers);
    if (isMissing) bases += await countBaseBytes(stain);
    drawn += ofOrganism.length;
    onEntries(drawn, entries.length);
  }
  return {
    entries: entries.length,
    stepsToDo: steps,
    answersToAsk: [least, most],
    seconds:
      speed === null ? null : [steps * speed.step + least * speed.answer, steps * speed.step + most * speed.answer],
    how: speed?.how ?? 'measured',
    // Each look has a run folder of its own, with copies of the adapters.
    bytes: [
      bases + adapters + least * bytesPerAnswer,
      bases + answers.looks.length * adapters + (least + most) * bytesPerAnswer,
    ],
  };
}

/** Of the adapters that are not there yet. */
async function sumAdapters(plan: ResolvedPlan, forecast: RunForecast, { threads }: ZooWorld): Promise<number> {
  const config = (await forecastMemory(plan, forecast, threads))[0]?.work.config;
  const untrained = new Set(forecast.cells.filter(({ stepsToDo }) => stepsToDo > 0).map(({ cell }) => cell));
  return plan.cells.reduce(
    (sum, { name, training }) =>
      config === undefined || training === null || !untrained.has(name)
        ? sum
        : sum + countAdapterBytes(config, training),
    0,
  );
}

/** If every class stayed undecided to the last look. */
function foreseeTopUps(zoo: ZooDefinition, entries: readonly ZooEntry[], answers: AnswerCounts): number {
  const looksOf = looksOfContexts(zoo, answers);
  const lasts = Object.keys(zoo.panel.contexts).map((context) => looksOf(context).at(-1) ?? 0);
  return entries.reduce((sum, { kind }) => {
    const first = firstAnswers(zoo, kind, answers);
    return sum + lasts.reduce((more, last) => more + Math.max(0, last - first), 0);
  }, 0);
}

function readPace({ steps, stepSeconds, answers, answerSeconds }: Pace): { step: number; answer: number } {
  return { step: stepSeconds / steps, answer: answerSeconds / answers };
}

async function timePlan(
  plan: ResolvedPlan,
  forecast: RunForecast,
  { threads, clock, signal }: ZooWorld,
): Promise<{ readonly step: number; readonly answer: number; readonly how: MeasuredSpeed['how'] } | null> {
  const [base] = [...plan.models];
  if (base === undefined) return null;
  const [name, model] = base;
  const needs = await forecastMemory(plan, forecast, threads);
  const untrained = forecast.cells.find(({ stepsToDo }) => stepsToDo > 0)?.cell;
  const training = plan.cells.find((cell) => cell.name === untrained)?.training ?? null;
  const work = needs.find((one) => one.base === name)?.work ?? null;
  const { secondsPerStep, secondsPerAnswer, how } = await measureSpeed(model, training, plan.evaluations[0] ?? null, {
    ...{ work, clock },
    ...(signal === undefined ? {} : { signal }),
  });
  return { step: secondsPerStep ?? 0, answer: secondsPerAnswer ?? 0, how };
}
