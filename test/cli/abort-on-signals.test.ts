import { EventEmitter } from 'node:events';
import { expect, it } from 'vitest';
import { abortOnSignals } from '../../src/cli/abort-on-signals.js';

it('stops in good order at the first signal, and at once at the second', () => {
  const source = new EventEmitter();
  const happened: unknown[] = [];
  const signal = abortOnSignals({
    source,
    exit: (code) => happened.push(code),
    onFirst: () => happened.push('first'),
  });
  expect(signal.aborted).toBe(false);
  source.emit('SIGTERM');
  expect(signal.aborted).toBe(true);
  expect(happened).toEqual(['first']);
  source.emit('SIGINT');
  expect(happened).toEqual(['first', 130]);
});
