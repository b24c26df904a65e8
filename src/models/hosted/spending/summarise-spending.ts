import { formatDollars } from '../../../foundation/format-quantities.js';
import { costOfEntry, type SpendingEntry, type SpendingPurpose } from './spending-file.js';

/** What was paid for one kind of use. */
export interface SpendingLine {
  readonly model: string;
  readonly isTuned: boolean;
  readonly purpose: SpendingPurpose;
  /** Of fine-tuning, jobs. */
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** Of GPUs of a cluster: their seconds. Absent for hosted models. */
  readonly gpuSeconds?: number;
  /** Calls of which the service did not say the tokens: they are counted as the most that they may have been. */
  readonly unreported: number;
  /** US dollars; null where the price is not known. */
  readonly cost: number | null;
}

/** What hosted models were paid. */
export interface SpendingSummary {
  /** US dollars of all that has a known price. */
  readonly cost: number;
  /** Whether that is all. */
  readonly isWhole: boolean;
  /** The most that batches on their way may cost, and an estimate of jobs on their way. */
  readonly onItsWay: number;
  readonly uses: readonly SpendingLine[];
}

type Writable<Value> = { -readonly [Key in keyof Value]: Value[Key] };

/** Adds up entries by models and purposes, in and out of batches together; `account` leaves out all others. */
export function summariseSpending(entries: Iterable<SpendingEntry>, account?: string): SpendingSummary {
  const lines = new Map<string, Writable<SpendingLine>>();
  let [total, onItsWay] = [0, 0];
  let isWhole = true;
  for (const entry of entries) {
    if (account !== undefined && entry.account !== account) continue;
    const cost = costOfEntry(entry);
    if (entry.on_its_way) {
      onItsWay += cost ?? 0;
      continue;
    }
    if (entry.calls === 0) continue;
    total += cost ?? 0;
    isWhole &&= cost !== null;
    const { model, tuned: isTuned, purpose, gpu_seconds: seconds } = entry;
    const key = `${purpose} ${String(isTuned)} ${String(seconds !== undefined)} ${model}`;
    // Added onto: a run on a cluster has thousands of entries, and is summed up while it is shown.
    let line = lines.get(key);
    if (line === undefined) {
      line = { model, isTuned, purpose, calls: 0, inputTokens: 0, outputTokens: 0, unreported: 0, cost: 0 };
      lines.set(key, line);
    }
    line.calls += entry.calls;
    line.inputTokens += entry.input_tokens;
    line.outputTokens += entry.output_tokens;
    if (seconds !== undefined) line.gpuSeconds = seconds + (line.gpuSeconds ?? 0);
    line.unreported += entry.unreported;
    line.cost = cost === null || line.cost === null ? null : cost + line.cost;
  }
  return { cost: total, isWhole, onItsWay, uses: [...lines.values()] };
}

/** Who was paid. */
export function nameSellers(uses: readonly SpendingLine[]): string {
  const areGpus = uses.some(({ gpuSeconds }) => gpuSeconds !== undefined);
  const areHosted = uses.some(({ gpuSeconds }) => gpuSeconds === undefined);
  return [...(areHosted ? ['hosted models'] : []), ...(areGpus ? ['GPUs'] : [])].join(' and ');
}

/** How numbers are written where it is read. */
interface UseFormat {
  readonly calls: (count: number) => string;
  readonly tokens: (count: number) => string;
}

/** What was used, and what for. */
export function describeUse(
  { model, isTuned, purpose, calls, inputTokens, outputTokens, gpuSeconds }: SpendingLine,
  format: UseFormat,
): string {
  if (gpuSeconds !== undefined)
    return `${model}, ${purpose}: ${format.calls(calls)} ${purpose === 'answers' ? 'vLLM' : 'jobs'} on a cluster, ${(gpuSeconds / 3600).toFixed(2)} GPU-hours`;
  const work =
    purpose === 'fine-tuning'
      ? `${format.calls(calls)} ${calls === 1 ? 'job' : 'jobs'}, ${format.tokens(inputTokens)} tokens trained on`
      : `${format.calls(calls)} calls, ${format.tokens(inputTokens)} tokens in, ${format.tokens(outputTokens)} out`;
  return `${model}${isTuned ? ', fine-tuned' : ''}, ${purpose}: ${work}`;
}

/** What was paid in all, and whether that is all of it. */
export function describeTotal({ cost, isWhole, uses }: Pick<SpendingSummary, 'cost' | 'isWhole' | 'uses'>): string {
  if (isWhole) return formatDollars(cost);
  return uses.some((use) => use.cost !== null) ? `${formatDollars(cost)}, and what is not known` : 'not known';
}
