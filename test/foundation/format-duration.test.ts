import { expect, it } from 'vitest';
import { formatDuration } from '../../src/foundation/format-quantities.js';

it.each([
  [400, '0s'],
  [59_400, '59s'],
  [59_500, '1m 00s'],
  [3_599_499, '59m 59s'],
  [3_600_000, '1h 00m'],
  [7_380_000, '2h 03m'],
  [86_399_000, '23h 59m'],
  [273_600_000, '3d 04h'],
])('formats %i milliseconds as %s', (milliseconds, expected) => {
  expect(formatDuration(milliseconds)).toBe(expected);
});
