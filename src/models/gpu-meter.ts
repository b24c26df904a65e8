/** What a GPU of a cluster costs, by the plan. */
export interface GpuRate {
  /** US dollars. */
  readonly gpu_hour: number;
  readonly source: string;
}

/** What GPUs of a cluster are used for. */
export interface GpuUse {
  /** The base, as plans write it. */
  readonly model: string;
  readonly purpose: 'answers' | 'fine-tuning';
  /** Null where the plan does not say. */
  readonly rate: GpuRate | null;
}

/**
 * Counts what GPUs of a cluster are used for, and keeps it within the limit. Seconds are GPU-seconds; each fine-tune
 * and each vLLM has a name.
 */
export interface GpuMeter {
  readonly isLimited: boolean;
  /**
   * Does work that takes at most so many seconds. It begins when that fits within the limit beside all that is paid and
   * open, which is waited for; where it would not fit even then, nothing is begun, and `cost-limit-reached` is thrown.
   * What is counted for the name meanwhile is part of that. `leave` gives up waiting.
   */
  readonly hold: <Result>(id: string, most: number, leave: AbortSignal, work: () => Promise<Result>) => Promise<Result>;
  /** Notes a fine-tune or a vLLM that the account has had made. Returns when that has reached the disk. */
  readonly open: (id: string) => Promise<void>;
  /** Seconds that were counted for it; null for what the account has not had made. */
  readonly counted: (id: string) => number | null;
  /** Counts what it took so far: never less than was counted before. */
  readonly note: (id: string, seconds: number) => void;
  /** The same by the cluster's own count, which is the truth. Returns when that has reached the disk. */
  readonly settle: (id: string, seconds: number) => Promise<void>;
  /** The error for so many seconds more that do not fit within the limit; null where they fit. */
  readonly refuse: (seconds: number) => Error | null;
}

/** Who counts for all clusters of a run. */
export interface GpuLedger {
  readonly meterGpus: (use: GpuUse) => GpuMeter;
}
