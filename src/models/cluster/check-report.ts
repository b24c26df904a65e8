import { z } from 'zod';

const interpreterSchema = z.looseObject({
  asked: z.string(),
  error: z.string().optional(),
  python: z.string().optional(),
  executable: z.string().optional(),
  /** Versions by package. */
  packages: z.record(z.string(), z.string()).default({}),
  gpus: z.array(z.looseObject({ name: z.string(), bytes: z.number() })).default([]),
  torch_error: z.string().optional(),
});

/** An interpreter of a node, as it told of itself. */
export type CheckedInterpreter = z.output<typeof interpreterSchema>;

const nodeSchema = z.looseObject({
  node: z.string(),
  host: z.string().optional(),
  error: z.string().optional(),
  sees_storage: z.boolean().default(false),
  writes_storage: z.boolean().default(false),
  /** Whether what the node wrote into the storage is seen where the job runs. */
  seen_by_head: z.boolean().default(false),
  storage_error: z.string().optional(),
  free_bytes: z.number().optional(),
  resources: z.record(z.string(), z.number()).default({}),
  python: interpreterSchema.optional(),
  vllm_python: interpreterSchema.optional(),
  models: z
    .record(
      z.string(),
      z.looseObject({ there: z.boolean(), fetched: z.boolean().optional(), error: z.string().optional() }),
    )
    .default({}),
});

export type CheckedNode = z.output<typeof nodeSchema>;

/** What a node is called, for people. */
export function hostOf({ host, node }: CheckedNode): string {
  return host ?? node.slice(0, 8);
}

const reportSchema = z.looseObject({
  driftline: z.literal('check'),
  nonce: z.string(),
  ray: z.string(),
  python: z.string(),
  head_writes_storage: z.boolean(),
  storage_error: z.string().optional(),
  nodes: z.array(nodeSchema),
});

/** What a job of kind `check` found; python/README.md has its form. */
export type CheckReport = z.output<typeof reportSchema>;

/** The report in the log of a check's job; null where it printed none. */
export function findCheckReport(log: string, nonce: string): CheckReport | null {
  for (const line of log.split('\n').reverse()) {
    if (!line.startsWith('{')) continue;
    const report = reportSchema.safeParse(parseLine(line));
    if (report.success && report.data.nonce === nonce) return report.data;
  }
  return null;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
