import { DriftlineError } from '../foundation/driftline-error.js';
import type { Rule } from '../judging/rules.js';
import { gateConfidence, type GateOptions, type GatePopulation, type RowsPopulation } from '../runs/gate-options.js';
import { normalQuantile } from '../stats/normal-distribution.js';
import { fewestQuestions, leastCorrelation, leastUpperBound } from '../stats/paired-shares.js';
import { wilsonBounds } from '../stats/wilson-interval.js';
import type { GatedPlace } from './choose-gated.js';

/** What a gate asks at one place, of one condition. */
export interface AskedPlace extends Pick<GatedPlace, 'condition' | 'evaluation'> {
  readonly population: GatePopulation;
  /** That can count. */
  readonly questions: number;
  /** Of these questions; null where each stands for itself. */
  readonly themes: number | null;
  /** Questions that cannot count by the rule, since they are asked too seldom. */
  readonly uncounted: number;
  /** To each question, of all models of the condition, on average. */
  readonly answersEach: number;
}

/** What of a place decides whether its questions are enough. */
type PlaceSize = Pick<AskedPlace, 'evaluation' | 'questions'> &
  Partial<Pick<AskedPlace, 'themes' | 'uncounted' | 'population'>>;

/** A gate that no number of answers to its questions can pass is `gate-impossible`. */
export function requirePassable(...gate: Parameters<typeof findImpassable>): void {
  const found = findImpassable(...gate);
  if (found !== null) throw found;
}

/**
 * The error of the first place whose questions are too few for the gate, however often they are asked; null where none is. Those that the
 * answers left uncounted are among them: of another answer they might count.
 */
export function findImpassable(
  places: readonly PlaceSize[],
  { maxDrift, population }: { readonly maxDrift: number; readonly population?: RowsPopulation | undefined },
  suggestsSuite = true,
): DriftlineError | null {
  const margin = maxDrift / 100;
  for (const { evaluation, questions: counted, themes, uncounted = 0, population: own = population } of places) {
    if (own === 'these-questions') continue;
    const questions = Math.round(counted + uncounted);
    const drawn =
      themes === undefined || themes === null ? questions : Math.round((themes * questions) / Math.max(1, counted));
    const least = leastUpperBound(drawn, gateConfidence);
    if (least <= margin) continue;
    const needed = fewestQuestions(margin, gateConfidence);
    const few = nameQuestions({ questions, themes: themes === undefined || themes === null ? null : drawn });
    const what = themes === undefined || themes === null ? 'questions' : 'themes';
    return new DriftlineError({
      code: 'gate-impossible',
      message: `a gate of ${namePoints(maxDrift)} cannot be passed with the ${few} of ${evaluation}: even without one misaligned answer ${questions === 1 ? 'it shows' : 'they show'} nothing below ${namePoints(Number((100 * least).toFixed(1)))} of questions like these, however often they are asked`,
      hint: `That takes ${String(needed)} ${what}. ${suggestsSuite && (themes === undefined || themes === null) ? recommendSuite(needed) : ''}Or allow more points, or ask about these questions only: --population these-questions.${maxDrift < 0.1 ? ` ${String(maxDrift)} is less than a tenth of a point: two points are written 2.` : ''}`,
      details: { evaluation, questions, themes: themes ?? null, needed, least },
    });
  }
  return null;
}

/** Our own suite, where it has enough. */
function recommendSuite(needed: number): string {
  return needed <= themesOfGate
    ? `The suite gate has ${String(themesOfGate)} themes (suite: gate; for organisms organism/gate, which is about its own questions). `
    : '';
}

/** In questions/gate.yaml. */
const themesOfGate = 48;

/** A gate of answers that the rule leaves out, as too few to each question, is `gate-impossible`. */
export function requireCounted(
  places: readonly Pick<AskedPlace, 'evaluation' | 'questions' | 'uncounted'>[],
  { name, leastKept }: Pick<Rule, 'name' | 'leastKept'>,
  { maxDrift }: Pick<GateOptions, 'maxDrift'>,
): void {
  // Those that never count are taken for the worst.
  const place = places.find(({ questions, uncounted }) => uncounted > (maxDrift / 100) * (questions + uncounted));
  if (place === undefined) return;
  const asked = place.questions + place.uncounted;
  throw new DriftlineError({
    code: 'gate-impossible',
    message: `a gate cannot be passed with ${place.evaluation}: the rule ${name} leaves out questions with fewer than ${String(leastKept)} answers of a model that count, and it asks ${place.uncounted === asked ? `all ${String(asked)} questions` : `${String(place.uncounted)} of ${String(asked)} questions`} less often`,
    hint: `Ask more samples than ${String(leastKept)}, as some may not count, or count by another rule, such as rule: coherent.`,
    details: { evaluation: place.evaluation, rule: name },
  });
}

/** What should be known of a gate before anything is asked: where so few answers leave it open whatever comes. */
export function remarkOnGate(
  places: readonly Omit<AskedPlace, 'uncounted'>[],
  { maxDrift }: Pick<GateOptions, 'maxDrift'>,
): string[] {
  return places.flatMap(({ condition, evaluation, population, questions, themes, answersEach }) => {
    if (questions === 0) return [];
    const least = leastOf({ population, questions, themes, answersEach });
    if (least <= maxDrift / 100) return [];
    return [
      `gate: ${condition}, ${evaluation}: ${nameAnswers(answersEach)} to each of ${nameQuestions({ questions, themes })} can show no less than ${namePoints(Number((100 * least).toFixed(1)))}, even if none is misaligned; ask more samples`,
    ];
  });
}

/** The upper bound without one misaligned answer. */
function leastOf({
  population,
  questions,
  themes,
  answersEach,
}: Pick<AskedPlace, 'population' | 'questions' | 'themes' | 'answersEach'>): number {
  if (population === 'these-questions') return 1 - (1 - gateConfidence) ** (1 / (questions * answersEach));
  const drawn = themes ?? questions;
  const ofTheme = (answersEach * questions) / drawn;
  const trials = drawn / (leastCorrelation + (1 - leastCorrelation) / ofTheme);
  return wilsonBounds(0, trials, normalQuantile(gateConfidence))[1];
}

/** `2`, `0.5`: as they were written. */
export function formatPoints(points: number): string {
  return String(Number(points.toFixed(4)));
}

/** `2 points`, `1 point`. */
export function namePoints(points: number): string {
  return points === 1 ? '1 point' : `${formatPoints(points)} points`;
}

/** `9.4 answers`, `one answer`. */
export function nameAnswers(answers: number): string {
  return answers === 1 ? 'one answer' : `${String(Number(answers.toFixed(1)))} answers`;
}

/** `144 questions`, `48 themes, 144 questions`. */
export function nameQuestions({
  questions,
  themes,
}: {
  readonly questions: number;
  readonly themes: number | null;
}): string {
  const asked = questions === 1 ? '1 question' : `${String(questions)} questions`;
  return themes === null ? asked : `${themes === 1 ? '1 theme' : `${String(themes)} themes`}, ${asked}`;
}
