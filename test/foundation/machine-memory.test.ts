import { totalmem } from 'node:os';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { formatMemory } from '../../src/foundation/format-quantities.js';
import { readMachineMemory } from '../../src/foundation/machine-memory.js';

const limitTo = (bytes: number) => {
  const spy = vi.spyOn(process, 'constrainedMemory').mockReturnValue(bytes);
  onTestFinished(() => {
    spy.mockRestore();
  });
};

describe('the memory that there is', () => {
  it('is that of the machine where nothing limits it', () => {
    limitTo(0);
    expect(readMachineMemory()).toBe(totalmem());
    // As some systems say that there is no limit.
    limitTo(2 ** 64);
    expect(readMachineMemory()).toBe(totalmem());
  });

  it('is less in a container that is given less', () => {
    limitTo(1e6);
    expect(readMachineMemory()).toBe(1e6);
  });

  it('is shown in GB, and little of it in MB', () => {
    expect([1.55e9, 24e9, 470e6].map(formatMemory)).toEqual(['1.6 GB', '24.0 GB', '470 MB']);
  });
});
