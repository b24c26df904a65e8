import { averageDistributions, rateFirstToken } from '../judging/first-token.js';
import type { TokenDistribution } from '../judging/reply-score.js';
import { usualRating } from '../questions/question-file.js';
import { isBase } from '../runs/run-outline.js';
import { meanInterval, type MeanEstimate } from '../stats/mean-interval.js';
import { listGroups, type PooledCells } from './condition-groups.js';
import { groupByCondition, type AnalysisInput, type CountedRun, type FirstTokenAnswer } from './count-run.js';

/** Which question of which models. */
export interface FirstTokenPlace {
  readonly base: string;
  /** A condition, or the name of a group of them. */
  readonly condition: string;
  /** The conditions of a group; null for a single condition. */
  readonly members: readonly string[] | null;
  readonly evaluation: string;
  readonly question: string;
  /** Its first wording; null if unknown. */
  readonly wording: string | null;
  readonly answers: number;
  /** Answers of which the model or its service told no first token. */
  readonly untold: number;
}

/** How probable it is, on average over models, that an answer begins with this token. */
export interface TokenShare {
  readonly token: string;
  /** 0..1; each fine-tune counts alike, and in it each answer. */
  readonly probability: number;
  /** Over fine-tunes; null with fewer than two, and where they agree. */
  readonly interval: readonly [low: number, high: number] | null;
  /** Minus the base's probability, -1..1; null for the base, and where it was not asked. */
  readonly fromBase: number | null;
}

/** What the answers of some models to one question begin with. */
export interface NextTokenRow extends FirstTokenPlace {
  /** Likeliest first. */
  readonly tokens: readonly TokenShare[];
  /** Of all tokens that are not listed, 0..1: models tell the likeliest 20. */
  readonly rest: number;
}

/** The number that the first token of some models' answers to one question stands for. */
export interface RatingRow extends FirstTokenPlace {
  /** The mean over models; its interval is over fine-tunes. */
  readonly rating: MeanEstimate;
  /** By fine-tune; null where all answers of one are refused. */
  readonly models: readonly { readonly model: string; readonly seed: number | null; readonly rating: number | null }[];
  /** Answers with too much probability off the numbers. */
  readonly refused: number;
  /** Answers of models that write numbers digit by digit, which have no rating. */
  readonly inDigits: number;
  /** Mean probability of the numbers, 0..1; null without answers. */
  readonly numbers: number | null;
  readonly maximum: number;
  readonly refusalThreshold: number;
  /** Minus the base's; null for the base, and where one of the two has none. */
  readonly fromBase: number | null;
}

/** What is read of the first tokens of answers: nobody judges these. */
export interface FirstTokenRows {
  readonly nextTokens: readonly NextTokenRow[];
  readonly ratings: readonly RatingRow[];
}

/** Reads the answers to questions of type next_token and rating, question by question, each condition after its base, and groups last. */
export function readFirstTokens(
  { plan, questions, groups = {} }: Pick<AnalysisInput, 'plan' | 'questions' | 'groups'>,
  { firstTokens }: Pick<CountedRun, 'firstTokens'>,
): FirstTokenRows {
  const found = new Map<string, FirstTokenAnswer[]>();
  const asked = new Map<string, { readonly evaluation: string; readonly question: string }>();
  const placeOf = (cell: string, evaluation: string, question: string): string =>
    JSON.stringify([cell, evaluation, question]);
  for (const answer of firstTokens) {
    const { cell, evaluation, question } = answer.record;
    if (answer.model.step !== null) continue;
    asked.set(JSON.stringify([evaluation, question]), { evaluation, question });
    const place = placeOf(cell, evaluation, question);
    const there = found.get(place);
    if (there === undefined) found.set(place, [answer]);
    else there.push(answer);
  }
  if (asked.size === 0) return { nextTokens: [], ratings: [] };
  const wordings = [...questions].map(([key, one]) => ({ evaluation: key.slice(0, -one.id.length - 1), one }));
  const pools: readonly PooledCells[] = [
    ...groupByCondition(plan.cells).map((one) => ({ ...one, members: null })),
    ...listGroups(plan.cells, groups),
  ];
  const nextTokens: NextTokenRow[] = [];
  const ratings: RatingRow[] = [];
  for (const { evaluation, question } of asked.values()) {
    const wording = wordings.find((one) => one.evaluation === evaluation && one.one.question === question)?.one;
    for (const { base, condition, members, cells } of pools) {
      const models = cells.flatMap(({ name }): AskedModel[] => {
        const answers = found.get(placeOf(name, evaluation, question));
        return answers === undefined ? [] : [{ model: name, answers }];
      });
      if (models.length === 0) continue;
      const answers = models.flatMap((one) => one.answers);
      const place: FirstTokenPlace = {
        ...{ base, condition, members, evaluation, question },
        wording: wording?.messages.at(-1)?.content ?? null,
        answers: answers.length,
        untold: answers.filter(({ first }) => first.length === 0).length,
      };
      if (wording?.type === 'rating') ratings.push(rateModels(place, models, wording.rating));
      else nextTokens.push(averageModels(place, models));
    }
  }
  return {
    nextTokens: nextTokens.map((row) => compareTokens(row, nextTokens)),
    ratings: ratings.map((row) => compareRating(row, ratings)),
  };
}

interface AskedModel {
  readonly model: string;
  readonly answers: readonly FirstTokenAnswer[];
}

function listTold(answers: readonly FirstTokenAnswer[]): TokenDistribution[] {
  return answers.flatMap(({ first }) => (first.length === 0 ? [] : [first]));
}

function averageModels(place: FirstTokenPlace, models: readonly AskedModel[]): NextTokenRow {
  const ofModels = models.flatMap(({ answers }) => {
    const told = listTold(answers);
    return told.length === 0 ? [] : [new Map(averageDistributions(told))];
  });
  const mean = averageDistributions(ofModels.map((one) => [...one]));
  const tokens = mean.map(([token, probability]): TokenShare => {
    const values = ofModels.map((one) => one.get(token) ?? 0);
    const { interval } = meanInterval(values, { low: 0, high: 1, of: 'fine-tune' });
    return { token, probability, interval, fromBase: null };
  });
  const listed = mean.reduce((sum, [, probability]) => sum + probability, 0);
  return { ...place, tokens, rest: ofModels.length === 0 ? 0 : Math.max(0, 1 - listed) };
}

function rateModels(place: FirstTokenPlace, models: readonly AskedModel[], scale = usualRating): RatingRow {
  let [refused, inDigits] = [0, 0];
  const numbers: number[] = [];
  const ofModels = models.map(({ model, answers }) => {
    const rated: number[] = [];
    for (const distribution of listTold(answers)) {
      const one = rateFirstToken(distribution, scale);
      numbers.push(one.numbers);
      if (one.rating !== null) rated.push(one.rating);
      else if (one.fault === 'digits') inDigits += 1;
      else refused += 1;
    }
    return { model, seed: answers[0]?.model.seed ?? null, rating: meanOf(rated) };
  });
  const values = ofModels.flatMap(({ rating }) => rating ?? []);
  return {
    ...place,
    rating: meanInterval(values, { low: 0, high: scale.maximum, of: 'fine-tune' }),
    models: ofModels,
    ...{ refused, inDigits, numbers: meanOf(numbers), ...scale, fromBase: null },
  };
}

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

function findBase<Row extends FirstTokenPlace>(row: Row, rows: readonly Row[]): Row | undefined {
  // A group may have the base in it, which is then no other model.
  if (isBase(row) || row.members?.some((condition) => isBase({ condition })) === true) return undefined;
  return rows.find(
    (one) => isBase(one) && one.base === row.base && one.evaluation === row.evaluation && one.question === row.question,
  );
}

function compareTokens(row: NextTokenRow, rows: readonly NextTokenRow[]): NextTokenRow {
  const base = findBase(row, rows);
  if (base === undefined || base.tokens.length === 0) return row;
  const probabilities = new Map(base.tokens.map(({ token, probability }) => [token, probability]));
  return {
    ...row,
    tokens: row.tokens.map((one) => ({ ...one, fromBase: one.probability - (probabilities.get(one.token) ?? 0) })),
  };
}

function compareRating(row: RatingRow, rows: readonly RatingRow[]): RatingRow {
  const base = findBase(row, rows)?.rating.mean ?? null;
  const { mean } = row.rating;
  return mean === null || base === null ? row : { ...row, fromBase: mean - base };
}
