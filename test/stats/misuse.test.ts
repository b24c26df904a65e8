import { expect, it } from 'vitest';
import * as stats from '../../src/stats/index.js';
import { DriftlineError } from '../../src/foundation/driftline-error.js';

const values: readonly unknown[] = [
  undefined,
  null,
  {},
  [],
  'x',
  0,
  [null],
  [{ id: 'a' }],
  [[null]],
  [{ name: 'a', questions: null }],
];

const functions = Object.entries(stats as Readonly<Record<string, unknown>>).filter(
  (entry): entry is [string, (...given: unknown[]) => unknown] =>
    typeof entry[1] === 'function' && entry[0] !== 'DriftlineError',
);

it.each(functions)('%s says what is wrong with what a program without types gives it', (_name, call) => {
  const faults: string[] = [];
  for (const value of values)
    for (let count = 1; count <= 3; count += 1)
      for (const others of [value, undefined]) {
        try {
          call(value, ...Array<unknown>(count - 1).fill(others));
        } catch (error) {
          if (!DriftlineError.isInstance(error))
            faults.push(`${JSON.stringify(value)} x${String(count)}: ${String(error)}`);
          else if (error.message.includes('undefined is listed')) faults.push(error.message);
        }
      }
  expect(faults).toEqual([]);
});
