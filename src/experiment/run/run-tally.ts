/** What a call did, and what had been done before. */
export interface RunTally {
  /**
   * `reused` were taken over from runs of an earlier form of the plan, or of answers from another evaluation of this one that asks the same;
   * `there` were in the run folder already.
   */
  readonly cells: { trained: number; reused: number; there: number };
  readonly answers: { asked: number; reused: number; there: number };
  readonly judgements: { made: number; reused: number; there: number };
}

export function startTally(): RunTally {
  return {
    cells: { trained: 0, reused: 0, there: 0 },
    answers: { asked: 0, reused: 0, there: 0 },
    judgements: { made: 0, reused: 0, there: 0 },
  };
}
