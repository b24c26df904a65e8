import { z } from 'zod';

const text = z.string().min(1);
const absolute = text.startsWith('/', 'an absolute path begins with /');

/** What recipes and settings ask of a cluster and nobody of us has run: said in help and docs until somebody has. */
export const notRunByUs = {
  quantization: 'not run by us: it needs a GPU',
  gpus: 'not run by us: it needs several GPUs',
} as const;

/** How a plan names a cluster: where its bases are trained and asked. */
export const clusterSchema = z.strictObject({
  ray: z
    .url({
      protocol: /^https?$/,
      error:
        'is no address of a dashboard. Write it as http://127.0.0.1:8265, with http:// and the port of the dashboard',
    })
    .default('http://127.0.0.1:8265')
    .describe("Address of Ray's dashboard"),
  storage: absolute.describe('Folder that all nodes of the cluster see, as an absolute path there'),
  storage_here: text
    .optional()
    .describe(
      'The same folder as it is called here; none to fetch everything through the dashboard. Found out if not given',
    ),
  gpus_per_cell: z
    .int()
    .nonnegative()
    .default(1)
    .describe(`GPUs of one fine-tune; 0 trains on processors. More than 1: ${notRunByUs.gpus}`),
  gpus_per_sampler: z
    .int()
    .nonnegative()
    .default(1)
    .describe(`GPUs of one vLLM; 0 answers on processors. More than 1: ${notRunByUs.gpus}`),
  jobs_at_once: z
    .int()
    .positive()
    .optional()
    .describe('Fine-tunes that are handed to the cluster at the same time; as many as it has GPUs for if not given'),
  python: text.default('python3').describe('Interpreter on the nodes that has ray, trl and peft'),
  vllm_python: text.optional().describe('Interpreter on the nodes that has vllm; that of python if not given'),
  vllm_arguments: z.array(text).default([]).describe('Further arguments of vLLM, such as --max-model-len 8192'),
  environment: z
    .record(z.string().regex(/^[A-Za-z_]\w*$/, 'a variable has letters, digits and _'), z.string())
    .default({})
    .describe(
      'Environment variables of jobs, such as HF_HOME; none with keys or tokens, which anybody at the dashboard can read',
    ),
  models: z
    .record(text, absolute)
    .default({})
    .describe(
      'Folders on the nodes of bases, by their names in the plan, where nodes do not fetch them from the hub; not run by us on a real Ray',
    ),
  dtype: z.enum(['bfloat16', 'float32']).default('bfloat16').describe('How weights are held while answers are sampled'),
  save_every: z.int().positive().default(50).describe('Steps between two checkpoints, from which a fine-tune goes on'),
  linger: z
    .number()
    .nonnegative()
    .default(120)
    .describe('Seconds that a vLLM without questions waits for more before it frees its GPU'),
  stalled_after: z
    .number()
    .positive()
    .default(30)
    .describe('Minutes without a step after which a fine-tune is begun anew'),
  samplers: z
    .int()
    .positive()
    .optional()
    .describe('vLLMs that answer for one base at the same time, its fine-tunes shared among them; 1 if not given'),
  gpu: z
    .strictObject({
      memory: z.number().positive().describe('Memory of one GPU in GB'),
      tflops: z.number().positive().optional().describe('Its 10^12 operations a second in bfloat16, as its maker says'),
    })
    .optional()
    .describe('What one GPU is, for estimates; the GPU that `driftline cluster check` found last if not given'),
  price: z.number().nonnegative().optional().describe('Dollars of one GPU for an hour, for estimates and --max-cost'),
  keep: z
    .enum(['kept', 'all', 'nothing'])
    .default('kept')
    .describe(
      'Models of steps that stay in the storage after a fine-tune: those that the plan asks for, of all checkpoints, or none',
    ),
  resources: z
    .record(text, z.number().positive())
    .default({})
    .describe(
      "Ray's own resources that a fine-tune or a vLLM takes, such as accelerator_type:H100: 0.001; not run by us on a real Ray",
    ),
});

/** A cluster as a plan names it, with what it leaves out filled in. */
export type ClusterSettings = z.output<typeof clusterSchema>;
