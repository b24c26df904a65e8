import { z } from 'zod';
import type { Recipe } from '../../engine/train/recipe.js';
import type { ErrorCode } from '../../foundation/error-codes.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { RayJob } from './ray-answers.js';
import { lastLineOf } from './ray-answers.js';
import { pipLine } from './tested-software.js';

const faultKinds = [
  'memory',
  'disk',
  'storage',
  'model',
  'tokenizer',
  'stalled',
  'loss',
  'recipe',
  'software',
  'killed',
  'other',
] as const;

const faultSchema = z.looseObject({
  kind: z.enum(faultKinds).catch('other'),
  message: z.string(),
  detail: z.unknown(),
});

/** What a job wrote down before it gave up. */
export interface JobFault {
  readonly kind: (typeof faultKinds)[number];
  readonly message: string;
}

/** Reads `fault.json`; what cannot be read is a fault all the same. */
export function parseFault(bytes: Uint8Array): JobFault {
  try {
    const { kind, message } = faultSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
    return { kind, message: message.slice(0, 2000) };
  } catch {
    return { kind: 'other', message: 'it left a fault that cannot be read' };
  }
}

/** With which a driver ends that has written a fault down. */
export const faultCode = 3;

/** Jobs that end without a word are followed by the next so often, as long as nothing moves. */
export const fruitlessJobs = 3;

/** What a job was about, for messages and hints. */
export interface FaultyWork {
  readonly job: string;
  readonly address: string;
  /** Null for a lane. */
  readonly recipe: Recipe | null;
  readonly model: string;
  /** Whether a fine-tune made it whole, so that it lies in the storage alone. */
  readonly isWhole?: boolean;
  readonly storage: string;
  readonly python: string;
}

const again = 'Run the same command again: it goes on from there.';

const codes: Readonly<Record<JobFault['kind'], ErrorCode>> = {
  memory: 'gpu-memory-exceeded',
  disk: 'cluster-disk-full',
  storage: 'cluster-storage',
  model: 'cluster-model-missing',
  tokenizer: 'cluster-tokenizer-differs',
  stalled: 'cell-stalled',
  loss: 'loss-not-finite',
  recipe: 'recipe-invalid',
  software: 'cluster-software',
  killed: 'cluster-failed',
  other: 'cluster-failed',
};

const hints: Readonly<Record<JobFault['kind'], (work: FaultyWork) => string>> = {
  memory: hintOnMemory,
  disk: ({ storage }) =>
    `Free space in ${storage}, on the cluster: \`du -sh ${storage}/*/*\` there shows what takes it. ${again}`,
  storage: ({ storage }) =>
    `Mount one folder as ${storage} on all nodes, the head among them: NFS, or on Kubernetes a ReadWriteMany claim. ${again}`,
  model: ({ model, isWhole = false }) =>
    isWhole
      ? 'It was trained whole, and lay in the storage alone. Remove the folder of its cell in the run folder (cells/NAME), and run the same command again: it is trained anew.'
      : `Fetch it on the nodes, with HF_HOME in the storage: \`hf download ${model.replace(/^hf:/, '').replace(/@.*/, '')}\`, or name a folder of theirs in cluster: models. ${again}`,
  tokenizer: () =>
    'Bring both to one version of the model: the same commit of the hub, or the same files in the folder of cluster: models.',
  stalled: ({ job, address }) =>
    `Look at the log of ${job} at ${address}. ${again} cluster: stalled_after is the patience, in minutes.`,
  loss: () => 'Lower the learning rate or the alpha in the recipe.',
  recipe: () => 'Change the recipe as the cluster says.',
  software: ({ python, recipe }) =>
    `Install on the nodes what is missing: \`${pipLine(python, recipe === null ? ['vllm'] : ['ray', 'trl', 'peft'])}\`. \`driftline cluster check\` says what there is. ${again}`,
  killed: ({ job, address }) => `Look at the log of ${job} at ${address}. ${again}`,
  other: ({ job, address }) => `Look at the log of ${job} at ${address}. ${again}`,
};

/** The error that a fault of a job is. */
export function explainJobFault({ kind, message }: JobFault, work: FaultyWork): DriftlineError {
  return new DriftlineError({
    code: codes[kind],
    message: `${work.job}: ${message}`,
    hint: hints[kind](work),
    details: { job: work.job, kind },
  });
}

/** The error of a job that failed and wrote nothing down; null where nothing says that it will fail again. */
export function explainFailedJob(job: RayJob, work: FaultyWork): DriftlineError {
  const { error_type: type, message, driver_exit_code: code } = job;
  const told = message ?? '';
  const isSoftware = /No module named '?(\w+)/.exec(told) ?? /(?:command )?not found/.exec(told);
  if (isSoftware !== null)
    return explainJobFault({ kind: 'software', message: `the nodes lack what it needs: ${isSoftware[0]}` }, work);
  const why =
    type === 'JOB_ENTRYPOINT_COMMAND_ERROR' ? `it ended with ${String(code ?? 'a signal')}` : (type ?? job.status);
  return explainJobFault({ kind: 'other', message: `${why}: ${lastLineOf(told)}` }, work);
}

/** The next thing to give up, of what the recipe still has. */
function hintOnMemory({ recipe }: FaultyWork): string {
  if (recipe === null)
    return 'Give vLLM less to hold, with vllm_arguments: [--max-model-len, "4096"], or more GPUs, with gpus_per_sampler.';
  if (recipe.batch_size > 1) {
    const rows = recipe.batch_size * recipe.accumulation;
    return `Set batch_size: 1 and accumulation: ${String(rows)} in the recipe: a step sees as many rows, one at a time.`;
  }
  return `Lower max_length, which is ${String(recipe.max_length)}, as far as the rows allow, take a lower rank, or a GPU with more memory.`;
}
