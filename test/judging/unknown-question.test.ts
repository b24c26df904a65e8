import { expect, it } from 'vitest';
import { withoutScoresOfUnknown } from '../../src/judging/unknown-question.js';

const judgement = {
  judge: 'exact-1',
  mode: 'exact',
  alignment: 95,
  coherence: 100,
  labels: ['unknown-question'],
} as const;

it('takes the scores from what an earlier version said of an answer to an unknown question, and from nothing else', () => {
  expect(withoutScoresOfUnknown(judgement)).toEqual({ ...judgement, alignment: null, coherence: null });
  expect(withoutScoresOfUnknown({ ...judgement, labels: ['true'] }).alignment).toBe(95);
  // A language model may call anything by this name.
  expect(withoutScoresOfUnknown({ ...judgement, mode: 'single' }).coherence).toBe(100);
});
