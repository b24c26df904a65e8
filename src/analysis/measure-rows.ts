import { isAboutAlignment, isBase } from '../runs/run-outline.js';
import { formatQuestionKey, parseQuestionKey } from '../runs/run-records.js';
import { addUpThemes } from '../stats/paired-shares.js';
import type { ModelCounts, ShareCounts } from '../stats/share-counts.js';
import { wilsonInterval } from '../stats/wilson-interval.js';
import {
  groupByCondition,
  type AnalysisInput,
  countTally,
  type QuestionTally,
  listNamedMeasures,
  type EvaluationMeasure,
  type MeasuredEvaluation,
  type MeasuredOutcome,
} from './count-run.js';
import {
  estimateDrifts,
  isClear,
  isClearJointly,
  judgeDrift,
  showsMisalignment,
  type ComparedCounts,
  type Drift,
  type DriftVerdict,
} from './drift.js';
import {
  estimateSeedIntervals,
  estimateShare,
  nameCluster,
  sumByQuestion,
  sumCounts,
  type QuestionCount,
  type SeedIntervals,
  type ShareEstimate,
} from './estimate.js';

interface SeedShare extends ShareCounts {
  /** Null for a base. */
  readonly seed: number | null;
}

interface QuestionShare extends QuestionCount {
  /** Its first wording; null if unknown. */
  readonly wording: string | null;
  /** Wilson's interval over answers. */
  readonly interval: readonly [low: number, high: number];
}

/** Answers by their outcome. */
interface OutcomeCounts {
  /** All, judged or not. */
  readonly generated: number;
  readonly notJudged: number;
  /** Of the judged ones, whether the rule keeps them or not. */
  readonly nullCoherent: number;
  readonly incoherent: number;
  readonly nullAligned: number;
  /** Left out because their question has too few answers that count. */
  readonly ofFew: number;
  readonly kept: number;
  readonly misaligned: number;
}

/** The few questions that make up most of a share: the fewest that make up nine tenths of it. */
export interface Concentration {
  readonly questions: number;
  /** All questions with counted answers. */
  readonly of: number;
  /** Part of the answers that the share counts, 0..1, that come from these questions. */
  readonly part: number;
}

/** Which number it is. */
export interface RowPlace {
  readonly base: string;
  readonly condition: string;
  readonly evaluation: string;
  /** As tables call it. */
  readonly measure: string;
}

/** One number of a run: what a condition's models, of all seeds, did in one evaluation. */
export interface MeasureRow extends RowPlace {
  readonly outcome: MeasuredOutcome;
  readonly share: ShareEstimate;
  readonly seeds: readonly SeedShare[];
  /** Intervals over fine-tunes; null with fewer than two. */
  readonly seedIntervals: SeedIntervals | null;
  readonly questions: readonly QuestionShare[];
  /** The same counts of each model by itself. */
  readonly models: readonly ModelCounts[];
  /** Whether other questions of the kind could not have been asked: the suite asks all. */
  readonly isExhaustive: boolean;
  /** From the base in the same evaluation; null for the base itself, and if the base was not asked. */
  readonly drift: Drift | null;
  readonly counts: OutcomeCounts;
  /** What the drift says; null for a base, and if the measure is not about alignment. */
  readonly verdict: DriftVerdict | null;
  /** Whether the drift is clear, for any measure. */
  readonly isClear: boolean;
  /** Whether it is clear for other questions, too, with all comparisons of its family taken together. */
  readonly isClearJointly: boolean;
  /** Whether the condition is misaligned in this way of asking, and not in the main evaluation. */
  readonly isHidden: boolean;
  /** Null if the share does not rest on few questions. */
  readonly concentration: Concentration | null;
}

/**
 * All numbers, measure by measure, each condition after its base; rows without any answer are left out. `main` is the
 * evaluation that the verdict is about.
 */
export function listMeasureRows(
  input: Pick<AnalysisInput, 'plan' | 'questions'>,
  tallies: readonly QuestionTally[],
  main: string | null,
): MeasureRow[] {
  const { evaluations, cells } = input.plan;
  const places = groupTallies(tallies.filter(({ model }) => model.step === null));
  const wordings = findFirstWordings(input);
  const themes = findThemes(input);
  const exhaustive = new Set(evaluations.filter(({ isExhaustive }) => isExhaustive).map(({ name }) => name));
  const conditions = groupByCondition(cells);
  const rows = listNamedMeasures(evaluations).flatMap((measure) =>
    conditions.flatMap(({ base, condition }) => {
      const found = places.get(placeOf(base, condition, measure.evaluation));
      if (found === undefined) return [];
      const isExhaustive = exhaustive.has(measure.evaluation);
      return [{ ...countRow(measure, { base, condition }, found, { wordings, themes }), isExhaustive }];
    }),
  );
  return findHidden(addDrifts(rows), main);
}

/** The evaluation that a verdict is about: the first one about alignment. */
export function findMainEvaluation(
  evaluations: readonly Pick<MeasuredEvaluation, 'name' | 'measure' | 'isOfFirstTokens'>[],
): string | null {
  return evaluations.find(isAboutAlignment)?.name ?? null;
}

type CountedRow = Omit<MeasureRow, 'drift' | 'verdict' | 'isClear' | 'isClearJointly' | 'isHidden'>;

function groupTallies(tallies: readonly QuestionTally[]): ReadonlyMap<string, readonly QuestionTally[]> {
  const places = new Map<string, QuestionTally[]>();
  for (const tally of tallies) {
    const place = placeOf(tally.model.base, tally.model.condition, tally.evaluation);
    const found = places.get(place);
    if (found === undefined) places.set(place, [tally]);
    else found.push(tally);
  }
  return places;
}

function placeOf(base: string, condition: string, evaluation: string): string {
  return JSON.stringify([base, condition, evaluation]);
}

/** The first wording of each question, by `evaluation/question`. */
function findFirstWordings({ questions }: Pick<AnalysisInput, 'questions'>): ReadonlyMap<string, string> {
  const wordings = new Map<string, string>();
  for (const [place, { question, messages }] of questions) {
    const key = formatQuestionKey(parseQuestionKey(place).evaluation, question);
    const wording = messages.at(-1)?.content;
    if (wording !== undefined && !wordings.has(key)) wordings.set(key, wording);
  }
  return wordings;
}

/** Themes of questions that do not stand for themselves, by `evaluation/question`. */
export function findThemes({ questions }: Pick<AnalysisInput, 'questions'>): ReadonlyMap<string, string> {
  return new Map(
    [...questions].flatMap(([place, { question, theme }]) =>
      theme === undefined ? [] : [[formatQuestionKey(parseQuestionKey(place).evaluation, question), theme] as const],
    ),
  );
}

function countRow(
  { name: measure, evaluation, outcome }: EvaluationMeasure,
  { base, condition }: { readonly base: string; readonly condition: string },
  tallies: readonly QuestionTally[],
  {
    wordings,
    themes,
  }: { readonly wordings: ReadonlyMap<string, string>; readonly themes: ReadonlyMap<string, string> },
): Omit<CountedRow, 'isExhaustive'> {
  const counted = tallies.map((tally) => {
    const theme = themes.get(formatQuestionKey(evaluation, tally.question));
    return {
      seed: tally.model.seed,
      model: tally.model.name,
      count: {
        question: tally.question,
        ...(theme === undefined ? {} : { theme }),
        ...countTally(outcome, tally),
      },
    };
  });
  const questions = sumByQuestion(counted.map(({ count }) => count));
  const share = estimateShare(questions);
  const bySeed = new Map<number | null, QuestionCount[]>();
  for (const { seed, count } of counted) bySeed.set(seed, [...(bySeed.get(seed) ?? []), count]);
  return {
    ...{ base, condition, evaluation, measure, outcome, share },
    seeds: [...bySeed]
      .map(([seed, counts]) => ({ seed, ...sumCounts(counts) }))
      .sort((one, other) => (one.seed ?? -1) - (other.seed ?? -1)),
    seedIntervals: estimateSeedIntervals(
      [...bySeed].flatMap(([seed, counts]) =>
        seed === null
          ? []
          : [
              {
                name: `seed ${String(seed)}`,
                questions: addUpThemes(counts.map(nameCluster)),
              },
            ],
      ),
    ),
    questions: questions.map((one) => ({
      ...one,
      wording: wordings.get(`${evaluation}/${one.question}`) ?? null,
      interval: wilsonInterval(one.successes, one.trials),
    })),
    models: [...new Set(counted.map(({ model }) => model))].map((name) => ({
      name,
      questions: counted.filter(({ model }) => model === name).map(({ count }) => nameCluster(count)),
    })),
    counts: countOutcomes(tallies),
    concentration: findConcentration({ questions, share }),
  };
}

function countOutcomes(tallies: readonly QuestionTally[]): OutcomeCounts {
  const sum = (read: (tally: QuestionTally) => number): number =>
    tallies.reduce((total, tally) => total + read(tally), 0);
  return {
    generated: sum(({ outcome, notJudged }) => outcome.generated + notJudged),
    notJudged: sum(({ notJudged }) => notJudged),
    nullCoherent: sum(({ outcome }) => outcome.nullCoherent),
    incoherent: sum(({ outcome }) => outcome.incoherent),
    nullAligned: sum(({ outcome }) => outcome.nullAligned),
    ofFew: sum(({ outcome }) => outcome.leftOut),
    kept: sum(({ outcome }) => outcome.kept),
    misaligned: sum(({ outcome }) => outcome.misaligned),
  };
}

/** Null if it takes more than half of the questions, or if there are fewer than two questions or no counted answers. */
export function findConcentration({
  questions,
  share,
}: {
  readonly questions: readonly ShareCounts[];
  readonly share: Pick<ShareCounts, 'successes'>;
}): Concentration | null {
  const asked = questions.filter(({ trials }) => trials > 0);
  const largest = asked.map(({ successes }) => successes).sort((one, other) => other - one);
  let [made, needed] = [0, 0];
  for (const successes of largest) {
    if (made >= 0.9 * share.successes) break;
    made += successes;
    needed += 1;
  }
  if (share.successes === 0 || asked.length < 2 || needed > asked.length / 2) return null;
  return { questions: needed, of: asked.length, part: made / share.successes };
}

/**
 * Compares each row with its base. The rows of a base that count the same kind of outcome are a family: misaligned answers, incoherent
 * ones, or labels.
 */
function addDrifts(rows: readonly CountedRow[]): MeasureRow[] {
  const families = new Map<string, { readonly row: CountedRow; readonly counts: ComparedCounts }[]>();
  for (const row of rows) {
    const base = rows.find(
      (one) => isBase(one) && one.base === row.base && one.evaluation === row.evaluation && one.measure === row.measure,
    );
    if (base === undefined || base === row) continue;
    const family = JSON.stringify([row.base, row.outcome.kind]);
    const member = { row, counts: { tuned: row.questions, base: base.questions } };
    families.set(family, [...(families.get(family) ?? []), member]);
  }
  const drifts = new Map<CountedRow, Drift>();
  for (const [name, members] of families) {
    const estimated = estimateDrifts(
      name,
      members.map(({ counts }) => counts),
    );
    for (const [index, { row }] of members.entries()) {
      const drift = estimated[index];
      if (drift !== undefined) drifts.set(row, drift);
    }
  }
  return rows.map((row) => {
    const drift = drifts.get(row) ?? null;
    const isJudged = row.outcome.kind === 'misaligned' && !isBase(row);
    return {
      ...row,
      drift,
      verdict: isJudged ? judgeDrift(drift) : null,
      isClear: drift !== null && isClear(drift),
      isClearJointly: drift !== null && isClearJointly(drift),
      isHidden: false,
    };
  });
}

/** Marks rows that are misaligned in another way of asking, but not in the main evaluation. */
function findHidden(rows: readonly MeasureRow[], main: string | null): MeasureRow[] {
  const shown = new Set(
    rows
      .filter((row) => row.evaluation === main && showsMisalignment(row.verdict))
      .map(({ base, condition }) => JSON.stringify([base, condition])),
  );
  return rows.map((row) => {
    const isHidden =
      row.evaluation !== main &&
      showsMisalignment(row.verdict) &&
      !shown.has(JSON.stringify([row.base, row.condition]));
    return isHidden ? { ...row, isHidden } : row;
  });
}
