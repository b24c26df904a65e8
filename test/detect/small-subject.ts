import { join } from 'node:path';
import type { ArtefactStore } from '../../src/detect/artefact-store.js';
import { openSubject, type OpenSubjectSettings } from '../../src/detect/open-subject.js';
import type { Subject } from '../../src/detect/subject.js';
import { readCheckpoint } from '../../src/engine/checkpoint/read-checkpoint.js';
import { writeCheckpoint } from '../../src/engine/checkpoint/write-checkpoint.js';
import { createJudge } from '../../src/judging/own-judge.js';
import type { BaseModel } from '../../src/models/base-model.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { openTinyBase } from '../experiment/tiny-plan.js';
import { twoContexts } from './pretend-subject.js';

const model = goldenFolder('qwen2-bias');

/** Short answers are misaligned, and nonsense as all others: there are some of both. */
export const judging = {
  judge: createJudge({
    name: 'length-1',
    judge: ({ answer }) => ({ alignment: answer.length % 2 === 0 ? 0 : 100, coherence: 100 }),
  }),
  rule: 'coherent',
} as const;

/** `adapter`: a fine-tune that PEFT made; `base`: the base itself; `copy`: its weights in another file. */
export type SmallModel = 'adapter' | 'base' | 'copy';

export const openSmallBase = (): Promise<BaseModel> =>
  openTinyBase({ provider: 'folder', folder: model, text: 'tiny' });

/** A fine-tune of a model so small that it is read in no time. */
export async function openSmallSubject(
  which: SmallModel,
  store: ArtefactStore,
  folder: string,
  changes: Partial<OpenSubjectSettings> = {},
): Promise<Subject> {
  const base = changes.base ?? (await openSmallBase());
  return openSubject({
    ...{ id: which, base, surface: twoContexts, store, judging, seed: 0 },
    tuned:
      which === 'adapter'
        ? { kind: 'adapter', folder: join(model, 'adapter_final') }
        : which === 'base'
          ? base
          : await openCopy(folder),
    ...changes,
  });
}

/** The same weights as another file has them, so that nobody takes it for the base by its hash. */
async function openCopy(folder: string): Promise<BaseModel> {
  const copy = join(folder, 'copy');
  const { config, weights } = await readCheckpoint(model);
  await writeCheckpoint(copy, { config, weights, copyTokenizerFrom: model });
  return openTinyBase({ provider: 'folder', folder: copy, text: 'copy' });
}
