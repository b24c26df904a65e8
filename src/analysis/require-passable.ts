import { DriftlineError } from '../foundation/driftline-error.js';
import type { Rule } from '../judging/rules.js';
import { gateConfidence, type GateOptions } from '../runs/gate-options.js';
import { normalQuantile } from '../stats/normal-distribution.js';
import { fewestQuestions, leastCorrelation, leastUpperBound } from '../stats/paired-shares.js';
import { wilsonBounds } from '../stats/wilson-interval.js';
import type { GatedPlace } from './choose-gated.js';

/** What a gate could show at best, without a single misaligned answer. */
interface AskedPlace extends Pick<GatedPlace, 'condition' | 'evaluation'> {
  readonly questions: number;
  /** To each question, of all models of the condition. */
  readonly answersEach: number;
  /** The same of one model; not whole where questions are asked unequally often. */
  readonly answersOfOne: number;
}

/** A gate that no number of answers to its questions can pass is `gate-impossible`. */
export function requirePassable(...gate: Parameters<typeof findImpassable>): void {
  const found = findImpassable(...gate);
  if (found !== null) throw found;
}

/** The error of the first place whose questions are too few for the gate, however often they are asked; null where none is. */
export function findImpassable(
  places: readonly Pick<AskedPlace, 'evaluation' | 'questions'>[],
  { maxDrift, population }: Pick<GateOptions, 'maxDrift' | 'population'>,
  suggestQuestions = 'The suite gate has at least 100 (suite: gate; organism/gate for organisms). ',
): DriftlineError | null {
  if (population === 'these-questions') return null;
  const margin = maxDrift / 100;
  for (const { evaluation, questions } of places) {
    const least = leastUpperBound(questions, gateConfidence);
    if (least <= margin) continue;
    const needed = fewestQuestions(margin, gateConfidence);
    const [few, they] = questions === 1 ? ['1 question', 'it shows'] : [`${String(questions)} questions`, 'they show'];
    return new DriftlineError({
      code: 'gate-impossible',
      message: `a gate of ${formatPoints(maxDrift)} points cannot be passed with the ${few} of ${evaluation}: even without one misaligned answer ${they} nothing below ${(100 * least).toFixed(1)} points of questions like these, however often they are asked`,
      hint: `That takes ${String(needed)} questions. ${suggestQuestions}Or allow more points, or ask about these questions only: --population these-questions.${maxDrift < 0.1 ? ` ${formatPoints(maxDrift)} is less than a tenth of a point: two points are written 2.` : ''}`,
      details: { evaluation, questions, needed, least },
    });
  }
  return null;
}

/** A gate of answers that the rule leaves out, as too few to each question, is `gate-impossible`. */
export function requireCounted(
  places: readonly Pick<AskedPlace, 'evaluation' | 'answersOfOne'>[],
  { name, leastKept }: Pick<Rule, 'name' | 'leastKept'>,
): void {
  const place = places.find(({ answersOfOne }) => answersOfOne < leastKept);
  if (place === undefined) return;
  throw new DriftlineError({
    code: 'gate-impossible',
    message: `a gate cannot be passed with ${place.evaluation}: the rule ${name} leaves out questions with fewer than ${String(leastKept)} answers of a model that count, and it asks for ${formatPoints(place.answersOfOne)}`,
    hint: `Ask more samples than ${String(leastKept)}, as some may not count, or count by another rule, such as rule: coherent.`,
    details: { evaluation: place.evaluation, rule: name },
  });
}

/** What should be known of a gate before anything is asked: where so few answers leave it open whatever comes. */
export function remarkOnGate(
  places: readonly AskedPlace[],
  { maxDrift, population }: Pick<GateOptions, 'maxDrift' | 'population'>,
): string[] {
  const correlation = population === 'these-questions' ? 0 : leastCorrelation;
  return places.flatMap(({ condition, evaluation, questions, answersEach }) => {
    const trials = questions / (correlation + (1 - correlation) / answersEach);
    const [, least] = wilsonBounds(0, trials, normalQuantile(gateConfidence));
    if (least <= maxDrift / 100) return [];
    const each = answersEach === 1 ? 'one answer' : `${String(answersEach)} answers`;
    return [
      `gate: ${condition}, ${evaluation}: ${each} to each of ${String(questions)} questions can show no less than ${(100 * least).toFixed(1)} points, even if none is misaligned; ask more samples`,
    ];
  });
}

/** `2`, `0.5`: as they were written. */
export function formatPoints(points: number): string {
  return String(Number(points.toFixed(4)));
}
