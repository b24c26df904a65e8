import type { CommandDefinition, OptionDefinition } from '../command.js';
import { flag, nonEmptyText, optional, wholeNumber } from '../value-type.js';

const planOrRun = 'A plan with a cluster, or the folder of a run on one';

/** Where a cluster is, for who has no plan yet. */
const placeOptions = {
  ray: {
    value: 'ADDRESS',
    description: "Address of Ray's dashboard; that of the plan, or http://127.0.0.1:8265, if not given",
    type: optional(nonEmptyText),
    example: 'http://127.0.0.1:8265',
  },
  'insecure-ray': {
    description:
      'Use a Ray that is reached over a network without a token, although whoever reaches it runs code there',
    type: flag,
  },
} as const satisfies Readonly<Record<string, OptionDefinition>>;

const softwareOptions = {
  storage: {
    value: 'FOLDER',
    description: 'Folder that all nodes see, as an absolute path there; that of the plan if not given',
    type: optional(nonEmptyText),
    example: '/shared/driftline',
  },
  python: {
    value: 'FILE',
    description: 'Interpreter on the nodes that has ray, trl and peft; that of the plan, or python3, if not given',
    type: optional(nonEmptyText),
    example: '/opt/train/bin/python',
  },
} as const satisfies Readonly<Record<string, OptionDefinition>>;

export const clusterCheckDefinition = {
  description:
    'Looks at everything that a run on a Ray cluster needs, with a job that looks at each node and ends: the version of Ray and its token, nodes and GPUs, whether all nodes see and write the storage, how files come back, the packages of both interpreters, and the models of the plan. Each lack comes with the line that repairs it. Installs and changes nothing there. The GPU that it finds is remembered for estimates.',
  arguments: {
    plan: { description: `${planOrRun}; --storage says where to look without one`, type: optional(nonEmptyText) },
  },
  options: {
    ...softwareOptions,
    'vllm-python': {
      value: 'FILE',
      description: 'Interpreter on the nodes that has vllm; that of the plan, or that of --python, if not given',
      type: optional(nonEmptyText),
      example: '/opt/vllm/bin/python',
    },
    ...placeOptions,
  },
  examples: [
    { description: 'Check what a plan needs', line: 'driftline cluster check mine.yaml' },
    {
      description: 'Check a cluster before there is a plan',
      line: 'driftline cluster check --storage /shared/driftline --python /opt/train/bin/python --vllm-python /opt/vllm/bin/python',
    },
  ],
} as const satisfies CommandDefinition;

export const clusterSlurmDefinition = {
  description:
    "Prints a job file for SLURM that starts Ray with a token, its head on the first node and its workers on the others, and runs the plan there. Without a plan, or with --only-ray, it waits instead, and its log has the line that brings Ray's port to where driftline runs. Not run by us on a SLURM: the file is held to bash and to SLURM's documentation.",
  arguments: { plan: { description: 'A plan with a cluster', type: optional(nonEmptyText) } },
  options: {
    nodes: { value: 'N', description: 'Nodes', type: wholeNumber(1), default: '1' },
    gpus: { value: 'N', description: 'GPUs of each node', type: wholeNumber(0), default: '1' },
    cpus: {
      value: 'N',
      description: 'Processors of each node; 4 for each GPU, and at least 4, if not given',
      type: optional(wholeNumber(1)),
      example: '16',
    },
    time: {
      value: 'TIME',
      description:
        'Time limit as SLURM writes it, such as 24:00:00 or 2-12; a run that it ends goes on in the next job',
      type: nonEmptyText,
      default: '24:00:00',
    },
    partition: {
      value: 'NAME',
      description: 'Partition to ask',
      type: optional(nonEmptyText),
      example: 'gpu',
    },
    account: { value: 'NAME', description: 'Account that pays', type: optional(nonEmptyText), example: 'lab' },
    'only-ray': { description: 'Run no plan there, only Ray', type: flag },
    ...softwareOptions,
  },
  examples: [
    {
      description: 'Run a plan on two nodes of eight GPUs',
      line: 'driftline cluster slurm mine.yaml --nodes 2 --gpus 8 --partition gpu > driftline.sbatch',
    },
  ],
} as const satisfies CommandDefinition;

export const clusterStatusDefinition = {
  description:
    'Lists the jobs of a run on a Ray cluster, or those of all runs there: fine-tunes with their steps, vLLMs with their answers, and how many GPUs are busy. Also tells of a run that nobody watches at the moment.',
  arguments: {
    run: { description: `${planOrRun}, or its name; all runs if not given`, type: optional(nonEmptyText) },
  },
  options: placeOptions,
  examples: [
    { description: 'See what a cluster does', line: 'driftline cluster status' },
    { description: 'See how far a run is', line: 'driftline cluster status runs/mine-1a2b3c4d' },
  ],
} as const satisfies CommandDefinition;

export const clusterStopDefinition = {
  description:
    'Withdraws the questions of a run on a Ray cluster and stops its jobs, those that wait among them. What they have done stays, and driftline run goes on from there. To be called again it does nothing more. While driftline run is at work on the run, stop that first.',
  arguments: {
    run: { description: 'The folder of a run, or its name where the folder is not here', type: nonEmptyText },
  },
  options: { ...softwareOptions, ...placeOptions },
  examples: [{ description: 'Stop what a run does on a cluster', line: 'driftline cluster stop runs/mine-1a2b3c4d' }],
} as const satisfies CommandDefinition;
