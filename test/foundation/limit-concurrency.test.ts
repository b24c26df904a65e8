import { expect, it } from 'vitest';
import { limitConcurrency } from '../../src/foundation/limit-concurrency.js';

it('runs no more tasks than it may, in their order, also after failures', async () => {
  const limit = limitConcurrency(3);
  let running = 0;
  let most = 0;
  const begun: number[] = [];
  const tasks = Array.from({ length: 20 }, (_, index) =>
    limit(async () => {
      begun.push(index);
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      if (index % 4 === 0) throw new Error(String(index));
      return index;
    }),
  );
  const outcomes = await Promise.allSettled(tasks);
  expect(most).toBe(3);
  expect(begun).toEqual(Array.from({ length: 20 }, (_, index) => index));
  expect(outcomes.filter(({ status }) => status === 'rejected')).toHaveLength(5);
  // All places are free again.
  expect(await limit(() => Promise.resolve('last'))).toBe('last');
});
