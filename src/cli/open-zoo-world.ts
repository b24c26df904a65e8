import { availableParallelism } from 'node:os';
import { readPackageVersion } from '../foundation/package-version.js';
import { openBaseModel } from '../models/open-base-model.js';
import type { ZooWorld } from '../zoo/build/zoo-world.js';
import type { CommandContext } from './command-context.js';

interface ZooWorldOptions extends Partial<Pick<ZooWorld, 'cellsAtOnce' | 'ignoresMemory'>> {
  readonly threads?: number | undefined;
}

/** The effects of the command line, as the zoo takes them. */
export function openZooWorld(
  { environment, fetch, signal, now: clock, notify: onNotice, memory }: CommandContext,
  { threads = availableParallelism(), cellsAtOnce, ignoresMemory = false }: ZooWorldOptions = {},
): ZooWorld {
  return {
    ...{ environment, fetch, signal, clock, onNotice, memory, threads, cellsAtOnce, ignoresMemory },
    version: readPackageVersion(),
    openBase: (reference) => openBaseModel(reference, { environment, fetch, signal, threads, clock, onNotice }),
  };
}
