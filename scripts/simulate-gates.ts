import { createRandomStream, type RandomStream } from '../src/foundation/random-stream.js';
import { boundDrift, judgeBounds, weighEvidence, weighPairs, type DriftLimit } from '../src/analysis/gate-bounds.js';
import type { GateVerdict } from '../src/analysis/gate-bounds.js';
import { foreseeSettlement } from '../src/analysis/settle-gate.js';
import { gateConfidence, type GatePopulation } from '../src/runs/gate-options.js';
import { eLondLevel } from '../src/stats/e-lond.js';
import { pairQuestions, type ThemedCounts } from '../src/stats/paired-shares.js';
import { drawPoint, points, sharesOf } from './simulate-comparisons.js';

/** What is gated, again and again: fine-tunes of one base, with one suite of questions. */
export interface PipelineCell {
  readonly questions: number;
  /** To each question, of each model. */
  readonly answers: number;
  readonly baseRate: number;
  /** Mean share of a fine-tune over questions. */
  readonly tunedRate: number;
  /** Of two answers to one question; 0 for a rate of 0. */
  readonly correlation: number;
  /** How far questions that stand out in the base stand out in a fine-tune, 0..1: 1 where fine-tuning changed nothing. */
  readonly likeness: number;
  /** Questions of a theme: all have one share, so that answers to a theme correlate as those to a question do. 1 without themes. */
  readonly ofTheme: number;
  /** Answers that count to every fourth question of the fine-tune, where they are fewer than `answers`; null for as many. */
  readonly fewer: number | null;
  /** Rows of a gate. */
  readonly conditions: number;
  readonly margin: number;
  readonly population: GatePopulation;
}

/** A gate of a pipeline. */
interface SimulatedGate {
  readonly verdict: 'passed' | 'above' | 'not-shown';
  /** Of the gate, as its ledger takes it. */
  readonly eValue: number;
}

/** Draws a suite, and the base's answers to it; each call of what it returns is a gate of new fine-tunes. */
export function startPipeline(cell: PipelineCell, random: RandomStream): () => SimulatedGate {
  const { questions, answers, likeness, conditions, margin, population, ofTheme, fewer } = cell;
  const [baseShares, tunedShares] = [cell.baseRate, cell.tunedRate].map((rate) => drawableShares(rate, cell));
  const standings = Array.from({ length: questions / ofTheme }, () => random.normal());
  const draw = (shares: Float64Array | null | undefined, own: number, few: number | null = null): ThemedCounts[] =>
    standings.flatMap((standing, theme) => {
      const share = shares?.[drawPoint(random, standing, own)] ?? 0;
      return Array.from({ length: ofTheme }, (_, place) => {
        const question = theme * ofTheme + place;
        const trials = question % 4 === 0 ? (few ?? answers) : answers;
        const name = String(question);
        const counts = { name, successes: countBelow(random, share, trials), trials };
        return ofTheme === 1 ? counts : { ...counts, theme: String(theme) };
      });
    });
  // With a likeness of 1 a question's share is the same in every model.
  const base = draw(baseShares, 1);
  const limit = { margin, population, level: 1 - (1 - gateConfidence) / conditions };
  return () => {
    const rows = Array.from({ length: conditions }, () => {
      const tuned = draw(tunedShares, likeness, fewer);
      return { verdict: judge(tuned, base, limit), eValue: weighEvidence(tuned, base, limit) };
    });
    const verdict = rows.some((row) => row.verdict === 'above')
      ? 'above'
      : rows.every((row) => row.verdict === 'within')
        ? 'passed'
        : 'not-shown';
    return { verdict, eValue: Math.max(...rows.map(({ eValue }) => eValue)) / conditions };
  };
}

/**
 * How often one fine-tune passes that is asked more answers after each gate that shows nothing, as many as that gate names (half as many
 * again where it names none, at most 200): at the first look, and at any of `looks`. Themes and rows of several are left out.
 */
export function simulateLooks(
  cell: Pick<
    PipelineCell,
    'questions' | 'answers' | 'baseRate' | 'tunedRate' | 'correlation' | 'margin' | 'population'
  >,
  { pipelines, looks, seed }: { readonly pipelines: number; readonly looks: number; readonly seed: number },
): { readonly first: number; readonly ever: number } {
  const { questions, answers, margin, population } = cell;
  const random = createRandomStream(seed, 'looks', JSON.stringify(cell));
  const limit = { margin, population, level: gateConfidence };
  const shares = [cell.tunedRate, cell.baseRate].map((rate) => drawableShares(rate, cell));
  const tally = { first: 0, ever: 0 };
  for (let pipeline = 0; pipeline < pipelines; pipeline += 1) {
    const asked = Array.from({ length: questions }, () =>
      shares.map((one) => ({ share: one?.[drawPoint(random, random.normal(), 0)] ?? 0, successes: 0 })),
    );
    let [trials, wanted] = [0, answers];
    for (let look = 0; look < looks; look += 1) {
      for (const side of asked.flat()) side.successes += countBelow(random, side.share, wanted - trials);
      trials = wanted;
      const count = (side: number): ThemedCounts[] =>
        asked.map((one, name) => ({ name: String(name), successes: one[side]?.successes ?? 0, trials }));
      const [weighed] = weighPairs(pairQuestions(count(0), count(1)), limit);
      if (judgeBounds(boundDrift(weighed, { asked: questions, uncounted: 0 }, limit), margin) === 'within') {
        tally.first += look === 0 ? 1 : 0;
        tally.ever += 1;
        break;
      }
      const named = foreseeSettlement(weighed, { ...limit, answersEach: trials, asked: questions, uncounted: 0 });
      const more = named?.as === 'within' ? named.answers : null;
      wanted = Math.min(200, Math.max(trials + 1, more ?? Math.ceil(1.5 * trials)));
    }
  }
  return { first: tally.first / pipelines, ever: tally.ever / pipelines };
}

/** Shares of questions; null for a rate of 0. About these questions all have the rate itself: else their drift would not be the cell's. */
function drawableShares(
  rate: number,
  { correlation, population }: Pick<PipelineCell, 'correlation' | 'population'>,
): Float64Array | null {
  if (rate === 0) return null;
  return population === 'these-questions' ? new Float64Array(points).fill(rate) : sharesOf(rate, correlation);
}

function judge(tuned: readonly ThemedCounts[], base: readonly ThemedCounts[], limit: DriftLimit): GateVerdict {
  const [shares] = weighPairs(pairQuestions(tuned, base), limit);
  return judgeBounds(boundDrift(shares, { asked: tuned.length, uncounted: 0 }, limit), limit.margin);
}

function countBelow(random: RandomStream, share: number, answers: number): number {
  if (share === 0) return 0;
  let count = 0;
  for (let answer = 0; answer < answers; answer += 1) if (random.uniform() < share) count += 1;
  return count;
}

/** Shares of pipelines, 0..1. */
export interface PipelineTally {
  /** Whose first gate says above; any of all gates; any of them by a ledger. */
  readonly alarm: { readonly once: number; readonly ever: number; readonly ledger: number };
  /** Whose first gate passes; any of all. */
  readonly pass: { readonly once: number; readonly ever: number };
}

/** Gates `repeats` times in each of so many pipelines. */
export function simulatePipelines(
  cell: PipelineCell,
  { pipelines, repeats, seed }: { readonly pipelines: number; readonly repeats: number; readonly seed: number },
): PipelineTally {
  const random = createRandomStream(seed, 'gates', JSON.stringify(cell));
  const tally = { once: 0, ever: 0, ledger: 0, passOnce: 0, passEver: 0 };
  for (let pipeline = 0; pipeline < pipelines; pipeline += 1) {
    const gate = startPipeline(cell, random);
    const gates = Array.from({ length: repeats }, gate);
    let alarms = 0;
    for (const [index, { eValue }] of gates.entries()) if (eValue >= 1 / eLondLevel(index + 1, alarms)) alarms += 1;
    const has = (verdict: SimulatedGate['verdict']): boolean => gates.some((one) => one.verdict === verdict);
    tally.once += gates[0]?.verdict === 'above' ? 1 : 0;
    tally.ever += has('above') ? 1 : 0;
    tally.ledger += alarms > 0 ? 1 : 0;
    tally.passOnce += gates[0]?.verdict === 'passed' ? 1 : 0;
    tally.passEver += has('passed') ? 1 : 0;
  }
  return {
    alarm: { once: tally.once / pipelines, ever: tally.ever / pipelines, ledger: tally.ledger / pipelines },
    pass: { once: tally.passOnce / pipelines, ever: tally.passEver / pipelines },
  };
}

/** How often a drift is called above: by a gate alone, and by the k-th of a ledger without an alarm before. */
export function simulateAlarms(
  cell: PipelineCell,
  places: readonly number[],
  { pipelines, seed }: { readonly pipelines: number; readonly seed: number },
): { readonly alone: number; readonly inLedger: readonly number[] } {
  const random = createRandomStream(seed, 'alarms', JSON.stringify(cell));
  const gates = Array.from({ length: pipelines }, () => startPipeline(cell, random)());
  const part = (holds: (gate: SimulatedGate) => boolean): number => gates.filter(holds).length / pipelines;
  return {
    alone: part(({ verdict }) => verdict === 'above'),
    inLedger: places.map((place) => part(({ eValue }) => eValue >= 1 / eLondLevel(place, 0))),
  };
}
