/** What a client of the hosted benchmark is asked to do. */
export interface HostedTask {
  readonly task: 'measure';
  /** With /v1. */
  readonly endpoint: string;
  /** Asked for before the clock starts. */
  readonly warmUp: number;
  readonly answers: number;
  /** Calls that are open at once. */
  readonly connections: number;
}

/** Taken when a share of the answers is there. */
export interface MemoryMark {
  readonly answers: number;
  readonly residentBytes: number;
}

export interface HostedFigures {
  readonly answers: number;
  /** Of the clock, and of the processor: all threads of the process. */
  readonly seconds: number;
  readonly processorSeconds: number;
  /** At each quarter. */
  readonly memory: readonly MemoryMark[];
}
