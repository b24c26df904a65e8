import { describe, expect, it } from 'vitest';
import { DriftlineError } from '../../src/foundation/driftline-error.js';

const error = new DriftlineError({
  code: 'checkpoint-missing',
  message: 'no config.json',
  hint: 'Give a model folder.',
});

describe('DriftlineError', () => {
  it('carries the exit code of its code, and its cause only where there is one', () => {
    expect(error.exitCode).toBe(2);
    expect('cause' in error).toBe(false);
    const cause = new Error('disk');
    expect(new DriftlineError({ code: 'write-failed', message: 'm', hint: 'h', cause })).toMatchObject({
      cause,
      exitCode: 1,
    });
  });

  it('is recognised by its mark, not by its class: another copy of the package makes the same errors', () => {
    const foreign = Object.assign(new Error('foreign'), { [Symbol.for('driftline.error')]: true });
    expect(DriftlineError.isInstance(foreign)).toBe(true);
    expect(DriftlineError.isInstance(error)).toBe(true);
    expect(DriftlineError.isInstance(new Error('other'))).toBe(false);
    expect(DriftlineError.isInstance(null)).toBe(false);
  });
});
