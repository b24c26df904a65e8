import type { Judgement } from '../../src/judging/judge.js';

export function makeJudgement(
  alignment: number | null,
  coherence: number | null,
  rest: Partial<Judgement> = {},
): Judgement {
  return { judge: 'a-judge:1', mode: 'logprobs', alignment, coherence, labels: [], ...rest };
}
