import { DriftlineError } from '../../foundation/driftline-error.js';
import { writeSlurmFile } from '../../models/cluster/slurm-file.js';
import type { CommandAction } from '../command.js';
import type { clusterSlurmDefinition } from '../definitions/cluster.js';
import { locateCluster, mergeSettings } from '../locate-cluster.js';

/** A fine-tune and a vLLM take one of Ray's processors each, and more of the machine's to read rows and to make tokens of texts. */
const cpusPerGpu = 4;

/** Minutes, minutes:seconds, hours:minutes:seconds, and the same with days before hours. */
const timePattern = /^(?:\d+(?::\d+){0,2}|\d+-\d+(?::\d+){0,2}|UNLIMITED)$/i;

export const clusterSlurm: CommandAction<typeof clusterSlurmDefinition> = {
  run: async (context, { arguments: { plan }, options }) => {
    const { settings } = await locateCluster(plan);
    const { ray, storage, python } = mergeSettings(settings, options);
    const { nodes, gpus, cpus, time, partition, account } = options;
    for (const [option, value] of Object.entries({ time, partition, account }))
      if (value !== undefined && !/^[\w.:,+-]+$/.test(value)) throw unusual(option, value);
    if (!timePattern.test(time)) throw noTime(time);
    const file = writeSlurmFile({
      ...{
        nodes,
        gpus,
        cpus: cpus ?? Math.max(1, gpus) * cpusPerGpu,
        time,
        partition: partition ?? null,
        account: account ?? null,
      },
      ...{ storage, python, port: Number(new URL(ray).port) || 8265 },
      plan: options['only-ray'] ? null : (plan ?? null),
    });
    if (context.json) context.printJson({ file });
    else context.print(file.trimEnd());
    context.notify('Hand it in with: sbatch driftline.sbatch');
  },
};

function unusual(option: string, value: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `--${option} ${JSON.stringify(value)} has characters that SLURM's options do not have`,
    hint: 'Give letters, digits and . : , + - only, as in 24:00:00.',
  });
}

function noTime(time: string): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `--time ${JSON.stringify(time)} is no time that SLURM knows`,
    hint: 'Give minutes (90), hours:minutes:seconds (24:00:00) or days-hours:minutes:seconds (2-12:00:00).',
  });
}
