import { join } from 'node:path';
import type { ModelSource } from '../models/model-registry.js';
import type { ServedModel } from '../models/load-model.js';
import type { JobRecord } from './job-record.js';
import type { JobStore } from './job-store.js';

const checkpointMark = ':ckpt-step-';

/** What the model of a step is called. */
export function checkpointName(resultName: string, step: number): string {
  return `${resultName}${checkpointMark}${step}`;
}

/** Kept steps that are there to be sampled. */
export function checkpointsOf({ keptSteps, stepsDone }: JobRecord): number[] {
  return keptSteps.filter((step) => step <= stepsDone);
}

/**
 * The models that jobs have made: those of finished jobs, and for who names them those of their checkpoints.
 * @param findBase the models that the server was started with
 */
export function tunedModels(jobs: JobStore, findBase: (id: string) => ServedModel | null): ModelSource {
  function describe(record: JobRecord, id: string, ...path: string[]): ServedModel[] {
    const base = findBase(record.job.model);
    if (base === null) return [];
    const created = record.job.finished_at ?? record.job.created_at;
    const adapter = join(jobs.modelFolder(record.job.id), ...path);
    return [{ ...base, id, adapter, parent: base.id, created }];
  }

  return {
    list: () =>
      jobs.list().flatMap((record) => (record.job.status === 'succeeded' ? describe(record, record.resultName) : [])),
    find: (id) => {
      const mark = id.lastIndexOf(checkpointMark);
      const name = mark === -1 ? id : id.slice(0, mark);
      const record = jobs.list().find(({ resultName }) => resultName === name);
      if (record === undefined) return null;
      if (mark === -1) return record.job.status === 'succeeded' ? (describe(record, id)[0] ?? null) : null;
      const step = checkpointsOf(record).find((kept) => checkpointName(name, kept) === id);
      return step === undefined ? null : (describe(record, id, 'checkpoints', `step-${step}`)[0] ?? null);
    },
  };
}
