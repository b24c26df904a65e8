import { createHash } from 'node:crypto';
import type { TrainingFileLine } from './read-training-file.js';

/** SHA-256 of a training file, taken from its lines while they are read. */
export interface TrainingFileHash {
  add(line: Pick<TrainingFileLine, 'bytes' | 'isEnded'>): void;
  /** In hexadecimal; nothing may be added after it. */
  finish(): string;
}

export function startTrainingFileHash(): TrainingFileHash {
  const hash = createHash('sha256');
  return {
    add({ bytes, isEnded }) {
      hash.update(bytes);
      if (isEnded) hash.update('\n');
    },
    finish: () => hash.digest('hex'),
  };
}
