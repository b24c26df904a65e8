import { expect, it } from 'vitest';
import { formatPercent } from '../../src/foundation/format-quantities.js';

it('formatPercent shows one decimal, and a dash for what was not measured', () => {
  expect([0, 0.0004, 0.2315, 1, null].map(formatPercent)).toEqual(['0.0', '0.0', '23.2', '100.0', '-']);
});
