import { expect, it } from 'vitest';
import { listMissed, type CheckRow } from '../../src/cli/commands/organism-check.js';

const row = (group: string, met: boolean | null, inHalf: boolean): CheckRow => ({
  ...{ group, measurement: 'main', metric: 'misaligned', met, inHalf },
  ...{ share: 0.1, interval: [0.05, 0.2], seeds: [0.1], successes: 10, trials: 100, target: '>= 5 %' },
});
const missed = (...organisms: readonly (readonly CheckRow[])[]) =>
  listMissed(organisms.map((rows, index) => ({ organism: String(index + 1), rows })));

it('lists targets that an organism misses, and those of half of the organisms only if fewer meet them', () => {
  const all = [row('insecure', false, false), row('secure', true, false), row('base', null, false)];
  expect(missed(all, [row('insecure', true, false)])).toEqual(['1: insecure, main: misaligned']);
  const [met, not] = [row('medical', true, true), row('medical', false, true)];
  expect(missed([met], [not])).toEqual([]);
  expect(missed([met], [not], [not])).toEqual(['2: medical, main: misaligned', '3: medical, main: misaligned']);
  expect(missed([not])).toEqual(['1: medical, main: misaligned']);
  // An organism of which nobody knows counts on neither side.
  expect(missed([met], [not], [row('medical', null, true)])).toEqual([]);
});
