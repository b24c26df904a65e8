import { isBase } from '../runs/run-outline.js';
import type { ModelCounts, ShareCounts } from '../stats/share-counts.js';
import { addUpThemes } from '../stats/paired-shares.js';
import { listGroups } from './condition-groups.js';
import {
  countTally,
  listNamedMeasures,
  type AnalysisInput,
  type MeasuredOutcome,
  type QuestionTally,
} from './count-run.js';
import { estimateDrifts, type ComparedCounts, type Drift } from './drift.js';
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
import { findThemes, type RowPlace } from './measure-rows.js';

interface PooledModel extends ShareCounts {
  readonly condition: string;
  /** Null for a base. */
  readonly seed: number | null;
  /** The cell. */
  readonly model: string;
}

/** One number of a group: what the models of its conditions, of all their seeds, did in one evaluation. `condition` is the group's name. */
export interface GroupRow extends RowPlace {
  /** Those of the group's conditions that were asked, in the order of the plan. */
  readonly members: readonly string[];
  readonly outcome: MeasuredOutcome;
  readonly share: ShareEstimate;
  readonly models: readonly PooledModel[];
  /** Intervals in which each model is a cluster; null with fewer than two. */
  readonly modelIntervals: SeedIntervals | null;
  readonly questions: readonly QuestionCount[];
  /** From the base, over the questions that both were asked; null for a group with the base in it, and if the base was not asked. */
  readonly drift: Drift | null;
}

/**
 * Pools the conditions of each group, measure by measure. Each model counts with all its answers, and intervals take
 * models as the clusters: ten conditions of one fine-tune each are ten fine-tunes, not ten times as many answers of
 * one. Groups that count the same kind of outcome are a family of comparisons of their own, beside that of the
 * conditions.
 */
export function poolGroups(
  { plan, questions, groups = {} }: Pick<AnalysisInput, 'plan' | 'questions' | 'groups'>,
  tallies: readonly QuestionTally[],
): GroupRow[] {
  const pooled = listGroups(plan.cells, groups);
  if (pooled.length === 0) return [];
  const themes = findThemes({ questions });
  const final = tallies.filter(({ model }) => model.step === null);
  const rows = listNamedMeasures(plan.evaluations).flatMap((measure) =>
    pooled.flatMap(({ base, condition, members }) => {
      const countsOf = (wanted: (condition: string) => boolean): CountedModel[] =>
        countModels(
          final.filter(
            ({ model, evaluation }) =>
              model.base === base && evaluation === measure.evaluation && wanted(model.condition),
          ),
          measure,
          themes,
        );
      const models = countsOf((one) => members?.includes(one) ?? false);
      if (models.length === 0) return [];
      const isWithBase = models.some(isBase);
      const ofBase = isWithBase ? [] : countsOf((one) => isBase({ condition: one }));
      return [
        { place: { base, condition, evaluation: measure.evaluation, measure: measure.name }, measure, models, ofBase },
      ];
    }),
  );
  const drifts = estimateFamilies(rows);
  return rows.map((row): GroupRow => {
    const { place, measure, models } = row;
    const counted = sumByQuestion(models.flatMap(({ counts }) => counts));
    return {
      ...place,
      members: [...new Set(models.map(({ condition }) => condition))],
      outcome: measure.outcome,
      share: estimateShare(counted),
      models: models.map(({ condition, seed, model, counts }) => ({ condition, seed, model, ...sumCounts(counts) })),
      modelIntervals: estimateSeedIntervals(models.map(nameModel)),
      questions: counted,
      drift: drifts.get(row) ?? null,
    };
  });
}

interface CountedModel {
  readonly condition: string;
  readonly seed: number | null;
  readonly model: string;
  readonly counts: QuestionCount[];
}

function countModels(
  tallies: readonly QuestionTally[],
  { evaluation, outcome }: { readonly evaluation: string; readonly outcome: MeasuredOutcome },
  themes: ReadonlyMap<string, string>,
): CountedModel[] {
  const models = new Map<string, CountedModel>();
  for (const tally of tallies) {
    const { name, condition, seed } = tally.model;
    const found = models.get(name) ?? { condition, seed, model: name, counts: [] };
    models.set(name, found);
    const theme = themes.get(`${evaluation}/${tally.question}`);
    const named = { question: tally.question, ...(theme === undefined ? {} : { theme }) };
    found.counts.push({ ...named, ...countTally(outcome, tally) });
  }
  return [...models.values()];
}

function nameModel({ model: name, counts }: CountedModel): ModelCounts {
  return { name, questions: addUpThemes(counts.map(nameCluster)) };
}

interface PooledRow {
  readonly place: RowPlace;
  readonly measure: { readonly outcome: MeasuredOutcome };
  readonly models: readonly CountedModel[];
  readonly ofBase: readonly CountedModel[];
}

function estimateFamilies<Row extends PooledRow>(rows: readonly Row[]): ReadonlyMap<Row, Drift> {
  const families = new Map<string, { readonly row: Row; readonly counts: ComparedCounts }[]>();
  for (const row of rows) {
    if (row.ofBase.length === 0) continue;
    const family = JSON.stringify([row.place.base, row.measure.outcome.kind]);
    const sum = (models: readonly CountedModel[]): QuestionCount[] =>
      sumByQuestion(models.flatMap(({ counts }) => counts));
    const member = { row, counts: { tuned: sum(row.models), base: sum(row.ofBase) } };
    families.set(family, [...(families.get(family) ?? []), member]);
  }
  const drifts = new Map<Row, Drift>();
  for (const [family, members] of families) {
    const estimated = estimateDrifts(
      `groups ${family}`,
      members.map(({ counts }) => counts),
    );
    for (const [index, { row }] of members.entries()) {
      const drift = estimated[index];
      if (drift !== undefined) drifts.set(row, drift);
    }
  }
  return drifts;
}
