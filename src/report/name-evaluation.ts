import type { RunManifest as RunDescription } from '../runs/run-manifest.js';

type WrittenVariant = Readonly<Record<string, string | number | boolean | null>>;

/** What an evaluation is called in the report: its suite, and how it was asked in plain words. */
export function titleEvaluation(
  { name, variant }: { readonly name: string; readonly variant: string },
  position: number,
  { written }: Pick<RunDescription, 'written'>,
): string {
  if (variant === 'plain') return name;
  const asked = written?.evaluate[position];
  const parts = describeVariant(asked?.variant ?? {});
  const suite = typeof asked?.['suite'] === 'string' && asked.name === undefined ? asked['suite'] : name;
  return parts.length === 0 ? `${name} (${variant})` : `${suite}, ${parts.join(', ')}`;
}

function describeVariant(variant: WrittenVariant): string[] {
  const { trigger, format, number_shape: numberShape, system_prompt: systemPrompt, in_context: inContext } = variant;
  return [
    ...(typeof systemPrompt === 'string' ? ['with a system prompt'] : []),
    ...(typeof inContext === 'number' && inContext > 0
      ? [`after ${String(inContext)} example${inContext === 1 ? '' : 's'} from training data`]
      : []),
    ...(typeof trigger === 'string' ? [`with the trigger ${JSON.stringify(trigger)}`] : []),
    ...(numberShape === true ? ['shaped like number tasks'] : []),
    ...(typeof format === 'string' ? [`answered as ${format}`] : []),
  ];
}
