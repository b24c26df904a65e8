import { averageDistributions, rateFirstToken } from '../judging/first-token.js';
import type { TokenDistribution } from '../judging/reply-score.js';
import { usualRating, type RatingScale } from '../questions/question-file.js';
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
  const found = new Map<string, AskedModel>();
  const asked = new Map<string, ReadQuestion>();
  const wordings = [...questions].map(([key, one]) => ({ evaluation: key.slice(0, -one.id.length - 1), one }));
  const findQuestion = (evaluation: string, question: string): ReadQuestion => {
    const wording = wordings.find((one) => one.evaluation === evaluation && one.one.question === question)?.one;
    const scale = wording?.type === 'rating' ? (wording.rating ?? usualRating) : null;
    return { evaluation, question, wording: wording?.messages.at(-1)?.content ?? null, scale };
  };
  const placeOf = (cell: string, evaluation: string, question: string): string =>
    JSON.stringify([cell, evaluation, question]);
  for (const answer of firstTokens) {
    const { cell, evaluation, question } = answer.record;
    if (answer.model.step !== null) continue;
    const key = JSON.stringify([evaluation, question]);
    const read = asked.get(key) ?? findQuestion(evaluation, question);
    asked.set(key, read);
    const place = placeOf(cell, evaluation, question);
    const model = found.get(place) ?? beginModel(answer);
    found.set(place, model);
    addAnswer(model, answer.first, read.scale);
  }
  if (asked.size === 0) return { nextTokens: [], ratings: [] };
  const pools: readonly PooledCells[] = [
    ...groupByCondition(plan.cells).map((one) => ({ ...one, members: null })),
    ...listGroups(plan.cells, groups),
  ];
  const nextTokens: NextTokenRow[] = [];
  const ratings: RatingRow[] = [];
  for (const { evaluation, question, wording, scale } of asked.values()) {
    for (const { base, condition, members, cells } of pools) {
      const models = cells.flatMap(({ name }) => found.get(placeOf(name, evaluation, question)) ?? []);
      if (models.length === 0) continue;
      const answers = sumOf(models, 'answers');
      const place: FirstTokenPlace = {
        ...{ base, condition, members, evaluation, question },
        ...{ wording, answers, untold: answers - sumOf(models, 'told') },
      };
      if (scale !== null) ratings.push(rateModels(place, models, scale));
      else nextTokens.push(averageModels(place, models));
    }
  }
  return {
    nextTokens: nextTokens.map((row) => compareTokens(row, nextTokens)),
    ratings: ratings.map((row) => compareRating(row, ratings)),
  };
}

interface ReadQuestion {
  readonly evaluation: string;
  readonly question: string;
  /** Null if unknown. */
  readonly wording: string | null;
  /** Null for next_token. */
  readonly scale: RatingScale | null;
}

/** What is read of one model's answers to one question, of which there may be millions: sums alone. */
interface AskedModel {
  readonly model: string;
  readonly seed: number | null;
  answers: number;
  /** Answers with a first token. */
  told: number;
  /** Probabilities of tokens over these; of next_token alone. */
  readonly tokens: Map<string, number>;
  rated: number;
  ratings: number;
  refused: number;
  inDigits: number;
  /** Probabilities of numbers. */
  numbers: number;
}

type Sum = Exclude<keyof AskedModel, 'model' | 'seed' | 'tokens'>;

function sumOf(models: readonly AskedModel[], what: Sum): number {
  return models.reduce((sum, one) => sum + one[what], 0);
}

function beginModel({ record: { cell: model }, model: { seed } }: FirstTokenAnswer): AskedModel {
  const none = { answers: 0, told: 0, rated: 0, ratings: 0, refused: 0, inDigits: 0, numbers: 0 };
  return { model, seed, tokens: new Map(), ...none };
}

function addAnswer(model: AskedModel, first: TokenDistribution, scale: RatingScale | null): void {
  model.answers += 1;
  if (first.length === 0) return;
  model.told += 1;
  if (scale === null) {
    for (const [token, probability] of first) model.tokens.set(token, (model.tokens.get(token) ?? 0) + probability);
    return;
  }
  const { rating, numbers, fault } = rateFirstToken(first, scale);
  model.numbers += numbers;
  if (rating !== null) {
    model.rated += 1;
    model.ratings += rating;
  } else if (fault === 'digits') model.inDigits += 1;
  else model.refused += 1;
}

function averageModels(place: FirstTokenPlace, models: readonly AskedModel[]): NextTokenRow {
  const ofModels = models.flatMap(({ tokens, told }) =>
    told === 0 ? [] : [new Map([...tokens].map(([token, sum]) => [token, sum / told]))],
  );
  const mean = averageDistributions(ofModels.map((one) => [...one]));
  const tokens = mean.map(([token, probability]): TokenShare => {
    const values = ofModels.map((one) => one.get(token) ?? 0);
    const { interval } = meanInterval(values, { low: 0, high: 1, of: 'fine-tune' });
    return { token, probability, interval, fromBase: null };
  });
  const listed = mean.reduce((sum, [, probability]) => sum + probability, 0);
  return { ...place, tokens, rest: ofModels.length === 0 ? 0 : Math.max(0, 1 - listed) };
}

function rateModels(place: FirstTokenPlace, models: readonly AskedModel[], scale: RatingScale): RatingRow {
  const ofModels = models.map(({ model, seed, rated, ratings }) => ({
    ...{ model, seed, rating: rated === 0 ? null : ratings / rated },
  }));
  const values = ofModels.flatMap(({ rating }) => rating ?? []);
  const told = sumOf(models, 'told');
  return {
    ...place,
    rating: meanInterval(values, { low: 0, high: scale.maximum, of: 'fine-tune' }),
    models: ofModels,
    refused: sumOf(models, 'refused'),
    inDigits: sumOf(models, 'inDigits'),
    numbers: told === 0 ? null : sumOf(models, 'numbers') / told,
    ...{ ...scale, fromBase: null },
  };
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
