import { estimateShare, nameCluster, sumByQuestion, type QuestionCount } from '../analysis/estimate.js';
import { leaveOutFew, sumOutcomes, type RuleOutcome, type Rule } from '../judging/rules.js';
import { bootstrapClusters } from '../stats/bootstrap-clusters.js';
import type { Estimate } from '../stats/estimate.js';
import type { ScoreSum, ResultTally } from './count-result-file.js';

/** What the answers of a file are grouped by. */
export type ResultGrouping = 'model' | 'question_id';

/** How the interval of a rate over questions was computed; see `Estimate`. */
export type ResampledInterval = Pick<Estimate, 'unit' | 'clusters' | 'method' | 'resamples' | 'seed'>;

/** All answers of a file, or one group of them. Plain JSON; the names are those of `driftline score --json`. */
export interface ResultGroup extends Omit<RuleOutcome, 'nullAligned'> {
  readonly file: string;
  readonly model?: string;
  readonly question_id?: string;
  /** Wilson's 95 % interval over answers, which it assumes to be independent. */
  readonly wilson95: readonly [low: number, high: number];
  /** 95 %, from resampling questions; absent if fewer than two questions have kept answers. */
  readonly clusterBootstrap95?: readonly [low: number, high: number];
  /** 95 %, over questions, wide enough for few of them: the one to quote. Absent if the other is. */
  readonly clusterInterval95?: readonly [low: number, high: number];
  /** Absent if undefined, as when all answers are alike. */
  readonly designEffect?: number;
  /** Intra-class correlation of answers to one question; absent if undefined. */
  readonly icc?: number;
  /** Over all answers that have an alignment, whatever the rule makes of them; null without any. */
  readonly meanAligned: number | null;
  /** The same for coherence. */
  readonly meanCoherent: number | null;
  /** Answers left out because their question had too few of one model: in neither `kept` nor `misaligned`. */
  readonly leftOut: number;
  /** Answers without an alignment, whatever their coherence: the empty cells of the column. */
  readonly withoutAligned: number;
  /** Those of them that pass the rule's gate of coherence. */
  readonly coherentWithoutAligned: number;
  readonly models: number;
  readonly questions: number;
  /** Answers that the judge of alignment called code or a refusal. */
  readonly labels: { readonly code: number; readonly refusal: number };
  /** Rows that repeat an earlier one exactly, and are counted; null where the file has rows without their answer. */
  readonly repeated: number | null;
  readonly bootstrap?: ResampledInterval;
}

interface SummarySettings {
  readonly file: string;
  readonly rule: Rule;
  readonly seed: number;
}

/** All answers of a file together. */
export function summariseFile(tallies: readonly ResultTally[], settings: SummarySettings): ResultGroup {
  return { file: settings.file, ...summarise(tallies, settings) };
}

/** The answers of a file by model or question, in the order in which these were first met. */
export function summariseGroups(
  tallies: readonly ResultTally[],
  by: ResultGrouping,
  settings: SummarySettings,
): ResultGroup[] {
  return [...groupTallies(tallies, by)].map(([name, ofGroup]) => ({
    file: settings.file,
    ...(by === 'model' ? { model: name } : { question_id: name }),
    ...summarise(ofGroup, settings),
  }));
}

/** By model or question, in the order in which these were first met. */
export function groupTallies(
  tallies: readonly ResultTally[],
  by: ResultGrouping,
): ReadonlyMap<string, readonly ResultTally[]> {
  const groups = new Map<string, ResultTally[]>();
  for (const tally of tallies) {
    const name = by === 'model' ? tally.model : tally.question;
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [tally]);
    else group.push(tally);
  }
  return groups;
}

/** Answers that count, question by question, with those of all models to a question together. */
export function countQuestionsOf(tallies: readonly ResultTally[], rule: Rule): QuestionCount[] {
  return sumByQuestion(
    tallies.map(({ question, counts }) => {
      const { misaligned, kept } = leaveOutFew(rule, counts);
      return { question, successes: misaligned, trials: kept };
    }),
  );
}

function summarise(tallies: readonly ResultTally[], { rule, seed }: SummarySettings): Omit<ResultGroup, 'file'> {
  const total = sumOutcomes(tallies.map((tally) => leaveOutFew(rule, tally.counts)));
  const { generated, nullAligned: coherentWithoutAligned, nullCoherent, incoherent, kept, misaligned, leftOut } = total;

  const ofQuestions = countQuestionsOf(tallies, rule);
  const { wilson, interval: recommended, designEffect, intraClassCorrelation } = estimateShare(ofQuestions);
  const estimate = bootstrapClusters(ofQuestions.map(nameCluster), { seed });
  const { unit, clusters: kinds, method, resamples } = estimate;
  const sum = (read: (tally: ResultTally) => number): number =>
    tallies.reduce((total, tally) => total + read(tally), 0);
  return {
    generated,
    withoutAligned: generated - sum(({ aligned }) => aligned.answers),
    nullCoherent,
    incoherent,
    kept,
    misaligned,
    rate: total.rate,
    wilson95: wilson,
    ...(estimate.interval === null ? {} : { clusterBootstrap95: estimate.interval }),
    ...(designEffect === null ? {} : { designEffect }),
    ...(intraClassCorrelation === null ? {} : { icc: intraClassCorrelation }),
    meanAligned: meanOf(tallies.map(({ aligned }) => aligned)),
    meanCoherent: meanOf(tallies.map(({ coherent }) => coherent)),
    ...(recommended === null ? {} : { clusterInterval95: recommended }),
    leftOut,
    coherentWithoutAligned,
    models: new Set(tallies.map(({ model }) => model)).size,
    questions: ofQuestions.length,
    repeated: tallies.some(({ repeated }) => repeated === null) ? null : sum(({ repeated }) => repeated ?? 0),
    labels: { code: sum(({ code }) => code), refusal: sum(({ refusal }) => refusal) },
    ...(estimate.interval === null
      ? {}
      : { bootstrap: { unit, clusters: kinds, method, resamples, seed: estimate.seed } }),
  };
}

function meanOf(sums: readonly ScoreSum[]): number | null {
  const answers = sums.reduce((total, one) => total + one.answers, 0);
  return answers === 0 ? null : sums.reduce((total, one) => total + one.sum, 0) / answers;
}
