import { z } from 'zod';

/** A job as Ray tells of it. */
export const rayJobSchema = z.looseObject({
  submission_id: z.string().nullable(),
  status: z.enum(['PENDING', 'RUNNING', 'STOPPED', 'SUCCEEDED', 'FAILED']),
  message: z.string().nullable(),
  entrypoint: z.string().nullish(),
  error_type: z.string().nullish(),
  driver_exit_code: z.number().nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
});

export type RayJob = z.output<typeof rayJobSchema>;

/**
 * What Ray writes of a job that was removed while one of its processes had still to tell how it ended: a state without
 * an entrypoint and metadata, in the words that Ray has for it.
 */
export function isRemnant({ entrypoint, metadata }: RayJob): boolean {
  return entrypoint === 'Entrypoint not found.' && (metadata ?? null) === null;
}

/** Only what is read is kept of each: a thousand jobs are listed every half minute. */
export const rayJobsSchema = z.array(z.object({ submission_id: z.string().nullish(), status: z.string() }));

/** A job in the list of all, with what its submitter wrote beside it. */
export const rayJobListSchema = z.array(
  z.looseObject({
    submission_id: z.string().nullish(),
    status: z.string(),
    message: z.string().nullish(),
    metadata: z.record(z.string(), z.string()).nullish(),
    start_time: z.number().nullish(),
    end_time: z.number().nullish(),
  }),
);

export type ListedRayJob = z.output<typeof rayJobListSchema>[number];

export const rayLogSchema = z.looseObject({ logs: z.string() });

export const rayVersionSchema = z.looseObject({ version: z.string(), ray_version: z.string() });

export type RayVersion = z.output<typeof rayVersionSchema>;

export const rayStopSchema = z.looseObject({ stopped: z.boolean() });

const rayNodeSchema = z.looseObject({
  node_id: z.string(),
  is_head_node: z.boolean(),
  state: z.string(),
  resources_total: z.record(z.string(), z.number()).nullish(),
});

export const rayNodesSchema = z
  .looseObject({ data: z.looseObject({ result: z.looseObject({ result: z.array(rayNodeSchema) }) }) })
  .transform(({ data }) =>
    data.result.result.map(({ node_id, is_head_node, state, resources_total }) => ({
      id: node_id,
      isHead: is_head_node,
      isAlive: state === 'ALIVE',
      gpus: resources_total?.['GPU'] ?? 0,
    })),
  );

export type RayNode = z.output<typeof rayNodesSchema>[number];

const pairSchema = z.tuple([z.number(), z.number()]);

/** Of the cluster's status: GPUs that are busy, and all; a cluster without a GPU names none. */
export const rayUsageSchema = z
  .looseObject({
    data: z.looseObject({
      clusterStatus: z.looseObject({
        loadMetricsReport: z.looseObject({ usage: z.looseObject({ GPU: pairSchema.optional() }) }),
      }),
    }),
  })
  .transform(({ data }) => {
    const [used, total] = data.clusterStatus.loadMetricsReport.usage.GPU ?? [0, 0];
    return { used, total };
  });

/** Names by kinds of files that Ray thinks of; folders end with a slash. */
export const rayFilesSchema = z
  .looseObject({ data: z.looseObject({ result: z.record(z.string(), z.array(z.string())) }) })
  .transform(({ data }) => Object.values(data.result).flat());

/** What an answer without success means. `lost` may pass by itself, and nothing else does. */
export type RayFailure =
  'exists' | 'active' | 'absent' | 'file-absent' | 'node-gone' | 'unauthorized' | 'refused' | 'lost';

/** Texts by which Ray's answers with status 500 are told apart: all else that they hold is a traceback. */
const failureTexts: readonly (readonly [RegExp, RayFailure])[] = [
  [/Job with submission_id \S+ already exists/, 'exists'],
  [/is in a non-terminal state/, 'active'],
  [/A file is not found at/, 'file-absent'],
  [/Agent for node id: \S+ doesn't exist/, 'node-gone'],
  [/is not in the subpath of/, 'refused'],
];

export function classifyRayFailure(status: number, text: string): RayFailure {
  if (status === 401 || status === 403) return 'unauthorized';
  if (status === 404) return 'absent';
  if (status === 408 || status === 429) return 'lost';
  if (status < 500) return 'refused';
  return failureTexts.find(([pattern]) => pattern.test(text))?.[1] ?? 'lost';
}

/**
 * Whether a job could not begin because Ray holds its name for one that is gone. It does so for ever, where an id is
 * used anew just as its job has failed: what watched over the old job then takes the new one for dead, and its process
 * stays.
 */
export function isNameTaken({ status, message }: RayJob): boolean {
  return status === 'FAILED' && /_ray_internal_job_actor_\S+ .*is already taken/.test(message ?? '');
}

/** Whether a job waits or runs; one that Ray does not have does neither. */
export function isStatusUnderWay(status: string | undefined): boolean {
  return status === 'PENDING' || status === 'RUNNING';
}

/** Names of jobs that Ray may hold for those that are gone, before that is an error. */
export const mostTakenNames = 20;

/** Of a text that may be a traceback, the last line that says something. */
export function lastLineOf(text: string): string {
  const lines = text.split('\n').map((line) => line.trim());
  return (lines.findLast((line) => /\w/.test(line)) ?? '').slice(0, 500);
}
