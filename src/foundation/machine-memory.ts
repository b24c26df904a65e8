import { totalmem } from 'node:os';

/** Bytes of memory that this process can have: those of the machine, or fewer where a container is given fewer. */
export function readMachineMemory(): number {
  const machine = totalmem();
  // 0 where nothing is known of a limit, and more than there is where there is none.
  const limit = process.constrainedMemory();
  return limit > 0 ? Math.min(machine, limit) : machine;
}
