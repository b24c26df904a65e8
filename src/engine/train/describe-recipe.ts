/** The settings of a fine-tune that readers look for first. */
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
  // Where a recipe says so:
  'precision',
  'quantization',
];

/** A recipe in a line: rank 8, learning rate 0.00026, and so on. */
export function describeRecipe(recipe: Readonly<Record<string, unknown>>): string {
  return toldSettings
    .filter((name) => recipe[name] !== undefined)
    .map((name) => `${name.replaceAll('_', ' ')} ${String(recipe[name])}`)
    .join(', ');
}
