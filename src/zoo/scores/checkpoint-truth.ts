import { access } from 'node:fs/promises';
import { readCsvTable, readNumber } from '../store/read-csv-table.js';
import { zooFault } from '../store/zoo-fault.js';

/** What a model of a step showed when it was asked plainly. */
export interface CheckpointTruth {
  readonly step: number;
  /** Of its answers that count; null without any. */
  readonly share: number | null;
}

/** Reads checkpoints.csv of a zoo; nothing where it has none. */
export async function readCheckpoints(file: string): Promise<ReadonlyMap<string, readonly CheckpointTruth[]>> {
  const isThere = await access(file).then(
    () => true,
    () => false,
  );
  const found = new Map<string, CheckpointTruth[]>();
  if (!isThere) return found;
  const refuse = (line: number, problem: string, hint: string) =>
    zooFault(`${file}:${String(line)}: ${problem}`, hint, { file, line });
  const { rows } = await readCsvTable(file, ['entry', 'step', 'misaligned', 'answers'], refuse);
  for (const { line, cells } of rows) {
    const [step, misaligned, answers] = ['step', 'misaligned', 'answers'].map((name) => readNumber(cells.get(name)));
    if (!isCount(step) || !isCount(misaligned) || !isCount(answers) || misaligned > answers)
      throw refuse(line, 'step, misaligned and answers are counts', 'Restore the file, or build the zoo again.');
    const entry = cells.get('entry') ?? '';
    found.set(entry, [...(found.get(entry) ?? []), { step, share: answers === 0 ? null : misaligned / answers }]);
  }
  return found;
}

function isCount(value: number | null | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

export function rankCheckpoints(checkpoints: readonly CheckpointTruth[]): CheckpointTruth[] {
  return [...checkpoints].sort((left, right) => left.step - right.step);
}
