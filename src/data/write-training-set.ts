import { writeFileAtomically } from '../foundation/write-file-atomically.js';
import { listJsonLines, type TrainingSet } from './training-set.js';

/** Writes the rows in the published chat format; the file's SHA-256 is the set's hash. */
export async function writeTrainingSet(path: string, set: Pick<TrainingSet, 'rows'>): Promise<void> {
  await writeFileAtomically(path, encodeInBlocks(listJsonLines(set)));
}

/** Large sets are longer than a string can be, and single lines would be written one by one. */
function* encodeInBlocks(lines: Iterable<string>): Generator<Uint8Array, void, undefined> {
  const blockCharacters = 2 ** 20;
  let block: string[] = [];
  let characters = 0;
  for (const line of lines) {
    block.push(line);
    characters += line.length;
    if (characters < blockCharacters) continue;
    yield Buffer.from(block.join(''));
    block = [];
    characters = 0;
  }
  yield Buffer.from(block.join(''));
}
