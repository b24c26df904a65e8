import type { GpuLedger, GpuMeter, GpuRate, GpuUse } from '../../gpu-meter.js';
import { type TokenCount, type HostedRate, priceTokens, type ReportedUse } from './hosted-prices.js';
import { costLimitReached, gpuPriceUnknown, priceUnknown } from './cost-limit.js';
import {
  addTokens,
  beginEntry,
  beginGpuEntry,
  costOfEntry,
  keyOfEntry,
  priceGpu,
  type MeteredUse,
  type SpendingEntry,
  readSpending,
  writeSpending,
} from './spending-file.js';
import { summariseSpending, type SpendingSummary } from './summarise-spending.js';

export interface SpendingLedgerSettings {
  /** The run folder, which has the count of earlier calls and keeps this one. */
  readonly folder: string;
  /** Who pays: entries of others are kept, and do not count towards the limit. */
  readonly account: string;
  /** What a use costs; null where that is not known. */
  readonly findRate: (use: MeteredUse) => HostedRate | null;
  /** The same of what was counted earlier, by today's prices; null leaves the price that was counted with. */
  readonly findRateOf?: (entry: SpendingEntry) => HostedRate | GpuRate | null;
  /** US dollars that all calls of the account together may cost; null for no limit. */
  readonly limit: number | null;
  /** How the user gives a price that a limit needs, as a sentence; in the plan if not given. */
  readonly priceHint?: string;
  /** Milliseconds; only for how often counts are saved. */
  readonly clock: () => number;
}

/** A batch or a job that is over. */
export interface FinishedUse extends TokenCount {
  readonly calls: number;
  /** Calls of which the service did not say the tokens: besides the tokens above, they count as the most that they may have been. */
  readonly unreported: number;
}

/** Counts what one kind of use costs, and keeps it within the limit. */
export interface SpendingMeter {
  /** Whether there is a limit. */
  readonly isLimited: boolean;
  /**
   * Does work that costs at most so much. It begins when that fits within the limit beside all that is paid and open,
   * which is waited for; where it would not fit even then, nothing is begun, and `cost-limit-reached` is thrown.
   * `leave` gives up waiting.
   */
  readonly hold: <Result>(
    most: () => TokenCount | Promise<TokenCount>,
    leave: AbortSignal,
    work: () => Promise<Result>,
  ) => Promise<Result>;
  /** Counts a call that was answered; `used` is null where the service does not say. */
  readonly count: (used: ReportedUse | null, most: () => TokenCount) => void;
  /** Whether that fits within the limit now. */
  readonly fits: (most: TokenCount) => boolean;
  /** The error for what does not fit. */
  readonly refuse: (most: TokenCount) => Error;
  /** Notes a batch or a job that is on its way; one that is known already stays as it is. Returns when that has reached the disk. */
  readonly open: (id: string, most: TokenCount & { readonly calls: number }) => Promise<void>;
  /** Whether that batch or job is noted as on its way. */
  readonly isOpen: (id: string) => boolean;
  /** Counts one that is over, once, however often it is read. Returns when that has reached the disk. */
  readonly close: (id: string, used: FinishedUse) => Promise<void>;
}

/**
 * What hosted models, and GPUs of a cluster, are paid for a run. It is kept in the run's folder, so that a run that is
 * continued counts on from there.
 */
export interface SpendingLedger extends GpuLedger {
  readonly limit: number | null;
  readonly meter: (use: MeteredUse) => SpendingMeter;
  /** Reads what was counted earlier. Whoever counts has the folder for itself by then. */
  readonly load: () => Promise<void>;
  /** Returns when all that was counted has reached the disk. */
  readonly save: () => Promise<void>;
  /** Of this account. */
  readonly summary: () => SpendingSummary;
}

interface Waiting {
  readonly most: number;
  readonly begin: () => void;
  readonly fail: (failure: Error) => void;
}

/** Milliseconds between two savings that nobody waits for. */
const savingPause = 1000;
/**
 * The same for GPU-seconds: the cluster's own count replaces what is noted by the clock, and a thousand fine-tunes are
 * noted all the time.
 */
const gpuSavingPause = 15_000;
/** Sums of prices are not exact. */
const tolerance = 1e-9;

export function createSpendingLedger({
  folder,
  account,
  findRate,
  findRateOf = () => null,
  limit,
  priceHint,
  clock,
}: SpendingLedgerSettings): SpendingLedger {
  const entries = new Map<string, SpendingEntry>();
  const waiting: Waiting[] = [];
  /** Dollars that are paid, or may come to be by what is noted as on its way. */
  let counted = 0;
  /** Dollars that open calls may cost, and their number. */
  let [held, holds] = [0, 0];
  /** Dollars of those that names of fine-tunes and vLLMs still hold. */
  const heldByName = new Map<string, number>();
  let isSaved = true;
  let saving: Promise<void> = Promise.resolve();
  let lastSaved = -Infinity;

  function put(entry: SpendingEntry): void {
    const key = keyOfEntry(entry);
    const before = entries.get(key);
    if (entry.account === account)
      counted += (costOfEntry(entry) ?? 0) - (before === undefined ? 0 : (costOfEntry(before) ?? 0));
    entries.set(key, entry);
    isSaved = false;
  }

  function save(): Promise<void> {
    lastSaved = clock();
    const saved = saving.then(async () => {
      if (isSaved) return;
      isSaved = true;
      await writeSpending(folder, entries.values()).catch((cause: unknown) => {
        isSaved = false;
        throw cause;
      });
    });
    // Whoever waits for it hears of its failure; the next saving is tried all the same.
    saving = saved.catch(() => undefined);
    return saved;
  }

  const hasRoom = (dollars: number): boolean => limit === null || counted + held + dollars <= limit + tolerance;
  const refuse = (dollars: number): Error =>
    costLimitReached({ limit: limit ?? Infinity, ...summariseSpending(entries.values(), account), next: dollars });

  /** Lets in, in order, what fits. Once nothing is open, nothing more is freed: what does not fit then never will. */
  function admit(): void {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      if (!hasRoom(next.most)) {
        if (holds > 0) return;
        waiting.shift();
        next.fail(refuse(next.most));
        continue;
      }
      waiting.shift();
      held += next.most;
      holds += 1;
      next.begin();
    }
  }

  async function enter(most: number, leave: AbortSignal): Promise<void> {
    leave.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const stop = (): void => {
        const place = waiting.indexOf(one);
        if (place !== -1) waiting.splice(place, 1);
        reject(leave.reason as Error); // whatever it is, it is what waiting was stopped with
        admit();
      };
      const settle = (how: () => void) => {
        leave.removeEventListener('abort', stop);
        how();
      };
      const one: Waiting = {
        most,
        begin: () => {
          settle(resolve);
        },
        fail: (failure) => {
          settle(() => {
            reject(failure);
          });
        },
      };
      leave.addEventListener('abort', stop, { once: true });
      waiting.push(one);
      admit();
    });
  }

  /** A batch that another account had made is found again, and is not paid again. */
  const isOfAnother = (id: string): boolean =>
    [...entries.values()].some((entry) => entry.id === id && entry.account !== account);

  function meter(use: MeteredUse): SpendingMeter {
    const rate = findRate(use);
    if (limit !== null && rate === null) throw priceUnknown([use], priceHint);
    const priceOf = (tokens: TokenCount): number =>
      rate === null ? 0 : priceTokens(rate, tokens, use.isBatched ?? false);
    const find = (id: string | null, isCharged = false): SpendingEntry => {
      const fresh = beginEntry(account, use, rate, id, isCharged);
      const entry = entries.get(keyOfEntry(fresh)) ?? fresh;
      return { ...entry, rate: rate ?? entry.rate };
    };
    return {
      isLimited: limit !== null,
      hold: async (most, leave, work) => {
        if (limit === null) return work();
        const dollars = priceOf(await most());
        await enter(dollars, leave);
        try {
          return await work();
        } finally {
          held -= dollars;
          holds -= 1;
          if (holds === 0) held = 0;
          admit();
        }
      },
      count: (used, most) => {
        const charged = used?.charged;
        const entry = addTokens(find(null, charged !== undefined), 1, used ?? most());
        put({
          ...entry,
          ...(used === null ? { unreported: entry.unreported + 1 } : {}),
          ...(charged === undefined ? {} : { charged: (entry.charged ?? 0) + charged }),
        });
        // Whoever needs it on the disk saves, and hears of failures.
        if (clock() - lastSaved >= savingPause) save().catch(() => undefined);
      },
      fits: (most) => hasRoom(priceOf(most)),
      refuse: (most) => refuse(priceOf(most)),
      open: async (id, { calls, ...most }) => {
        if (isOfAnother(id)) return;
        const entry = find(id);
        if (entry.calls > 0 && !entry.on_its_way) return;
        if (entry.calls === 0) put(addTokens({ ...entry, on_its_way: true }, calls, most));
        await save();
      },
      isOpen: (id) => [...entries.values()].some((entry) => entry.id === id && entry.on_its_way),
      close: async (id, { calls, unreported, ...used }) => {
        // The account that asked for it pays, whichever reads it.
        const known = [...entries.values()].find((entry) => entry.id === id) ?? find(id);
        if (known.calls > 0 && !known.on_its_way) return;
        const share = known.calls === 0 ? 0 : unreported / known.calls;
        const most = { input: known.input_tokens * share, output: known.output_tokens * share };
        const empty = { ...known, on_its_way: false, calls: 0, input_tokens: 0, output_tokens: 0 };
        put({ ...addTokens(addTokens(empty, calls, used), 0, most), unreported });
        admit();
        await save();
      },
    };
  }

  function meterGpus(use: GpuUse): GpuMeter {
    const { rate } = use;
    if (limit !== null && rate === null) throw gpuPriceUnknown();
    const priceOf = (seconds: number): number => (rate === null ? 0 : priceGpu(rate, seconds));
    const find = (id: string): SpendingEntry => {
      const fresh = beginGpuEntry(account, use, id);
      return { ...(entries.get(keyOfEntry(fresh)) ?? fresh), rate };
    };
    const free = (id: string, dollars: number): void => {
      const freed = Math.min(dollars, heldByName.get(id) ?? 0);
      if (freed <= 0) return;
      heldByName.set(id, (heldByName.get(id) ?? 0) - freed);
      held -= freed;
    };
    const count = (id: string, seconds: number): void => {
      const entry = find(id);
      free(id, priceOf(seconds - (entry.gpu_seconds ?? 0)));
      put({ ...entry, gpu_seconds: seconds });
    };
    return {
      isLimited: limit !== null,
      hold: async (id, most, leave, work) => {
        if (limit === null) return work();
        const dollars = priceOf(Math.max(0, most - (find(id).gpu_seconds ?? 0)));
        await enter(dollars, leave);
        heldByName.set(id, dollars);
        try {
          return await work();
        } finally {
          free(id, Infinity);
          heldByName.delete(id);
          holds -= 1;
          if (holds === 0) held = 0;
          admit();
        }
      },
      open: async (id) => {
        const entry = find(id);
        // A thousand fine-tunes that are found again are noted already.
        if (entries.has(keyOfEntry(entry))) return;
        put(entry);
        await save();
      },
      counted: (id) => entries.get(keyOfEntry(find(id)))?.gpu_seconds ?? null,
      note: (id, seconds) => {
        if (seconds <= (find(id).gpu_seconds ?? 0)) return;
        count(id, seconds);
        if (clock() - lastSaved >= gpuSavingPause) save().catch(() => undefined);
      },
      settle: async (id, seconds) => {
        count(id, seconds);
        admit();
        await save();
      },
      refuse: (seconds) => (hasRoom(priceOf(seconds)) ? null : refuse(priceOf(seconds))),
    };
  }

  return {
    limit,
    meter,
    meterGpus,
    load: async () => {
      const stored = await readSpending(folder);
      for (const entry of stored) put({ ...entry, rate: findRateOf(entry) ?? entry.rate });
      isSaved = stored.every(
        (entry) => JSON.stringify(entries.get(keyOfEntry(entry))?.rate) === JSON.stringify(entry.rate),
      );
    },
    save,
    summary: () => summariseSpending(entries.values(), account),
  };
}
