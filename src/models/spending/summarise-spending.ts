import { costOfEntry, type SpendingEntry, type SpendingPurpose } from './spending-entry.js';

/** What was paid for one kind of use. */
export interface SpendingLine {
  readonly model: string;
  readonly isTuned: boolean;
  readonly purpose: SpendingPurpose;
  /** Of fine-tuning, jobs. */
  readonly calls: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
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

/** Adds up entries by models and purposes, in and out of batches together; `account` leaves out all others. */
export function summariseSpending(entries: Iterable<SpendingEntry>, account?: string): SpendingSummary {
  const lines = new Map<string, SpendingLine>();
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
    const key = JSON.stringify([entry.model, entry.tuned, entry.purpose]);
    const line = lines.get(key);
    lines.set(key, {
      model: entry.model,
      isTuned: entry.tuned,
      purpose: entry.purpose,
      calls: entry.calls + (line?.calls ?? 0),
      inputTokens: entry.input_tokens + (line?.inputTokens ?? 0),
      outputTokens: entry.output_tokens + (line?.outputTokens ?? 0),
      unreported: entry.unreported + (line?.unreported ?? 0),
      cost: cost === null || line?.cost === null ? null : cost + (line?.cost ?? 0),
    });
  }
  return { cost: total, isWhole, onItsWay, uses: [...lines.values()] };
}
