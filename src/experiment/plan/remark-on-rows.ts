import type { PlannedCell, PlannedTraining } from './resolved-plan.js';

/** What training cuts off or leaves out, condition by condition, once for all of its seeds. */
export function remarkOnRows(cells: readonly PlannedCell[]): string[] {
  const trainings = new Map<string, PlannedTraining[]>();
  for (const { base, condition, training } of cells) {
    if (training === null) continue;
    const key = `${base}, condition ${condition}`;
    trainings.set(key, [...(trainings.get(key) ?? []), training]);
  }
  return [...trainings].flatMap(([place, ofCondition]) => {
    const texts = new Set(ofCondition.map(describeLoss));
    // Each seed may draw rows of its own.
    return [...texts].flatMap((text) => {
      if (text === null) return [];
      const seeds = ofCondition.filter((one) => describeLoss(one) === text).map(({ seed }) => String(seed));
      const which = seeds.length === ofCondition.length ? '' : `, seed ${seeds.join(', ')}`;
      return [`${place}${which}: ${text}`];
    });
  });
}

function describeLoss({ fit, recipe }: PlannedTraining): string | null {
  const { rows, truncated, dropped, droppedUnsupervised, tokensLost } = fit;
  if (truncated === 0 && dropped === 0) return null;
  const what = [
    ...(truncated > 0 ? [`${String(truncated)} cut off`] : []),
    ...(dropped > 0
      ? [`${String(dropped)} left out${droppedUnsupervised > 0 ? ', of which nothing to learn would be left' : ''}`]
      : []),
  ].join(' and ');
  return `of ${String(rows)} rows, those too long for max_length ${String(recipe.max_length)} or the model are ${what}: ${String(tokensLost)} tokens are not trained on`;
}
