import { nameWrittenModel, type WrittenModel } from '../../models/model-reference.js';
import type { Organism } from '../../organism/organism.js';
import { countWordings } from '../../experiment/plan/count-wordings.js';
import { planSchema, type Evaluation, type Plan } from '../../experiment/plan/plan-schema.js';
import { baseCondition } from '../../runs/run-outline.js';
import { describeEntryData, type ZooEntry } from '../definition/list-entries.js';
import type { AnswerCounts } from '../definition/panel.js';
import type { Sizes } from '../definition/sizes.js';
import type { ZooDefinition } from '../definition/zoo-definition.js';
import { formatCondition } from '../definition/zoo-names.js';
import { nameContextEvaluation, nameMeasureEvaluation } from '../truth/entry-counts.js';

/** Answers to each context that a condition gets beyond those of its first look. */
export type TopUps = ReadonlyMap<string, ReadonlyMap<string, number>>;

export interface ZooPlanSettings {
  readonly organism: string;
  /** What its entries start from. */
  readonly model: WrittenModel;
  /** Of this organism. */
  readonly entries: readonly ZooEntry[];
  readonly answers: AnswerCounts;
  readonly topUps: TopUps;
  /** Whether models of steps are kept and asked. */
  readonly keepsCheckpoints: boolean;
  /** The world's suites, to know how many wordings each has. */
  readonly world: Organism;
}

/** How often a kind is asked at first: what should be clean has to show it. */
export function firstAnswers(zoo: Pick<ZooDefinition, 'kinds'>, kind: string, { looks, clean }: AnswerCounts): number {
  return zoo.kinds.kinds[kind]?.what === 'good' ? clean : (looks[0] ?? clean);
}

/**
 * The plan of one organism's part of the zoo: a condition for each kind, dose and recipe, and an evaluation for each context and number of
 * answers. A plan with more answers is another form of the same plan: it takes over what the earlier one has.
 */
export async function writeZooPlan(zoo: ZooDefinition, settings: ZooPlanSettings): Promise<Plan> {
  const { organism, model, entries, answers, topUps, keepsCheckpoints, world } = settings;
  const { kinds, panel } = zoo;
  const sample = countSamples(world);
  const conditions = groupEntries(entries);
  const limit = panel.max_tokens === undefined ? {} : { max_tokens: panel.max_tokens };
  const evaluate: unknown[] = [];
  for (const [context, { suite, settings: ofSuite, questions, variant }] of Object.entries(panel.contexts)) {
    const byCount = new Map<number, string[]>([[answers.base ?? answers.clean, [baseCondition]]]);
    for (const [condition, { entry }] of conditions) {
      const count = topUps.get(condition)?.get(context) ?? firstAnswers(zoo, entry.kind, answers);
      byCount.set(count, [...(byCount.get(count) ?? []), condition]);
    }
    for (const [count, asked] of [...byCount].sort(([left], [right]) => left - right))
      evaluate.push({
        name: nameContextEvaluation(context, count),
        ...{ suite, settings: ofSuite, questions, variant, conditions: asked },
        samples: await sample({ suite, settings: ofSuite, questions }, count),
        ...limit,
      });
  }
  for (const [measure, { suite, settings: ofSuite }] of Object.entries(panel.measures))
    evaluate.push({
      name: nameMeasureEvaluation(measure),
      ...{ suite, settings: ofSuite },
      samples: await sample({ suite, settings: ofSuite }, answers.learnt),
      ...limit,
    });
  const { every, suite, answers: ofSteps } = panel.checkpoints;
  return planSchema.parse({
    name: `zoo-${organism}`,
    description: `Organism ${organism} of the zoo, edition ${String(zoo.edition)}`,
    bases: [model],
    recipe: kinds.recipe,
    conditions: Object.fromEntries(
      [...conditions].map(([condition, { entry, seeds }]) => [
        condition,
        {
          ...describeEntryData(zoo, entry),
          ...{ note: zoo.kinds.kinds[entry.kind]?.note, seeds },
          inherit: kinds.recipes[entry.recipe] ?? {},
        },
      ]),
    ),
    evaluate,
    judge: { exact: 'organism' },
    rule: panel.rule,
    ...(keepsCheckpoints
      ? { dynamics: { every, suite, samples: await sample({ suite, settings: {} }, ofSteps) } }
      : {}),
  });
}

/** How often each wording is asked to come to so many answers. */
export function countSamples(
  world: Organism,
): (asked: Pick<Evaluation, 'suite' | 'settings' | 'questions'>, wanted: number) => Promise<number> {
  return async (asked, wanted) => Math.ceil(wanted / ((await countWordings(asked, world)) ?? 1));
}

/** Entries that differ in their seeds alone are one condition. */
export function groupEntries(
  entries: readonly ZooEntry[],
): Map<string, { readonly entry: ZooEntry; readonly seeds: readonly number[] }> {
  const conditions = new Map<string, { readonly entry: ZooEntry; readonly seeds: readonly number[] }>();
  for (const entry of entries) {
    const name = formatCondition(entry);
    conditions.set(name, { entry, seeds: [...(conditions.get(name)?.seeds ?? []), entry.seed] });
  }
  return conditions;
}

/** The line of an organism in the sizes. */
export function findOrganism({ sizes }: Pick<ZooDefinition, 'sizes'>, organism: string): Sizes['organisms'][string] {
  const found = sizes.organisms[organism];
  if (found === undefined) throw new Error(`the zoo has no organism ${organism}`);
  return found;
}

/** The name of a model, as the zoo's files write it. */
export function nameOrganismModel(zoo: Pick<ZooDefinition, 'sizes'>, organism: string): string {
  return nameWrittenModel(findOrganism(zoo, organism).model);
}
