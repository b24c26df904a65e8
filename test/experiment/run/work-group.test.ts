import { describe, expect, it } from 'vitest';
import { createWorkGroup } from '../../../src/experiment/run/work-group.js';
import { DriftlineError } from '../../../src/foundation/driftline-error.js';

const stopped = new DriftlineError({ code: 'interrupted', message: 'stopped', hint: '' });
const untilAborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => {
      resolve();
    });
  });

describe('a group of work', () => {
  it('stops all where one fails, waits for them, and throws what that one did', async () => {
    const group = createWorkGroup();
    const ended: string[] = [];
    const waiting = group.start(async () => {
      await untilAborted(group.signal);
      ended.push('stopped');
      throw stopped;
    });
    await group.start(() => Promise.reject(new Error('broken')));
    expect(group.signal.aborted).toBe(true);
    await expect(group.finish()).rejects.toThrow('broken');
    expect(ended).toEqual(['stopped']);
    await waiting;
  });

  it('says that it was stopped, unless something could not be saved', async () => {
    const stop = new AbortController();
    const group = createWorkGroup(stop.signal);
    const first = group.start(() => untilAborted(group.signal).then(() => Promise.reject(stopped)));
    stop.abort();
    await first;
    await expect(group.finish()).rejects.toBe(stopped);
    await group.start(() => Promise.reject(new Error('disk full')));
    await expect(group.finish()).rejects.toThrow('disk full');
  });

  it('waits for tasks that tasks begin', async () => {
    const group = createWorkGroup();
    const done: number[] = [];
    await group.start(async () => {
      await Promise.resolve();
      const later = group.start(async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        done.push(2);
      });
      done.push(1);
      later.catch(() => undefined);
    });
    await group.finish();
    expect(done).toEqual([1, 2]);
  });
});
