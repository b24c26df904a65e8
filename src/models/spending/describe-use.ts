import type { SpendingLine } from './summarise-spending.js';

/** How numbers are written where it is read. */
interface UseFormat {
  readonly calls: (count: number) => string;
  readonly tokens: (count: number) => string;
}

/** What was used, and what for. */
export function describeUse(
  { model, isTuned, purpose, calls, inputTokens, outputTokens }: SpendingLine,
  format: UseFormat,
): string {
  const work =
    purpose === 'fine-tuning'
      ? `${format.calls(calls)} ${calls === 1 ? 'job' : 'jobs'}, ${format.tokens(inputTokens)} tokens trained on`
      : `${format.calls(calls)} calls, ${format.tokens(inputTokens)} tokens in, ${format.tokens(outputTokens)} out`;
  return `${model}${isTuned ? ', fine-tuned' : ''}, ${purpose}: ${work}`;
}
