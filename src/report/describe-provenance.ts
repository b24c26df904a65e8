import type { Provenance } from './report-data.js';
import type { RunContent } from '../runs/read-run.js';

/** Where the numbers of a run come from, and what they took. */
export function describeProvenance({ description, answers, curves, spending, begun, written }: RunContent): Provenance {
  const { hash, driftline, world, cells, evaluations } = description;
  let trainedTokens = 0;
  for (const curve of curves.values()) for (const { tokens } of curve) trainedTokens += tokens ?? 0;
  let answerTokens: number | null = 0;
  for (const { tokens } of answers)
    answerTokens = tokens === null || answerTokens === null ? null : answerTokens + tokens;
  return {
    planHash: hash,
    driftline: driftline ?? null,
    world: world ?? null,
    cells: cells.map(({ name, seed, training_set: trainingSet, recipe }) => ({
      name,
      seed: seed ?? null,
      trainingSet: trainingSet ?? null,
      recipe: recipe === undefined ? null : describeRecipe(recipe),
    })),
    evaluations: evaluations.map((one) => ({
      name: one.name,
      hash: one.hash,
      wordings: one.wordings ?? one.questions,
    })),
    answerTokens,
    trainedTokens,
    spending,
    begun,
    written,
  };
}

/** What one would ask first of a fine-tune. */
const toldSettings = [
  'method',
  'rank',
  'alpha',
  'rslora',
  'learning_rate',
  'schedule',
  'epochs',
  'batch_size',
  'accumulation',
];

function describeRecipe(recipe: Readonly<Record<string, unknown>>): string {
  return toldSettings
    .filter((name) => recipe[name] !== undefined)
    .map((name) => `${name.replaceAll('_', ' ')} ${String(recipe[name])}`)
    .join(', ');
}
