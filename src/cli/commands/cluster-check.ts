import { randomBytes } from 'node:crypto';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { checkCluster } from '../../models/cluster/check-cluster.js';
import type { ClusterFinding } from '../../models/cluster/cluster-finding.js';
import { openClusterRun } from '../../models/cluster/cluster-run.js';
import type { ClusterSettings } from '../../models/cluster/cluster-settings.js';
import { rememberGpu } from '../../models/cluster/found-gpu.js';
import { writeGpuLine, type CheckedModel } from '../../models/cluster/judge-check.js';
import { createRayClient } from '../../models/cluster/ray-client.js';
import { resolveModelReference } from '../../models/model-reference.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { clusterCheckDefinition } from '../definitions/cluster.js';
import { locateCluster, mergeSettings } from '../locate-cluster.js';

export const clusterCheck: CommandAction<typeof clusterCheckDefinition> = {
  run: async (context, { arguments: { plan }, options }) => {
    const { environment, signal, notify } = context;
    const located = await locateCluster(plan);
    const settings = mergeSettings(located.settings, options);
    const nonce = randomBytes(8).toString('hex');
    const cluster = await openClusterRun({
      ...{ settings, environment, onNotice: notify, allowsOpen: options['insecure-ray'] },
      run: () => 'check',
    });
    const stranger = createRayClient(cluster.ray.address, { token: null });
    notify(
      `A job at ${cluster.ray.address} looks at each node; this takes a minute where interpreters are slow to start.`,
    );
    const models = located.models.flatMap((name) => listWanted(name, settings));
    const checked = await checkCluster(cluster, {
      models,
      quantizes: located.quantizes,
      stranger,
      nonce,
      signal,
    }).finally(() => {
      cluster.ray.close();
      stranger.close();
    });
    const { findings, gpu } = checked;
    if (gpu !== null) await rememberGpu(environment, checked.address, gpu).catch(() => undefined);
    const lacks = findings.filter(({ state }) => state === 'lacking');
    if (context.json) context.printJson({ ...checked, isReady: lacks.length === 0 });
    else {
      for (const finding of findings) printFinding(context, finding);
      if (gpu !== null && settings.gpu === undefined)
        notify(`Estimates take this GPU from now on. To have it in the plan: cluster: { ${writeGpuLine(gpu)} }`);
      if (lacks.length === 0) context.print('The cluster has what a run needs.');
    }
    const [first] = lacks;
    if (first !== undefined) throw notReady(first, lacks.length);
  },
};

/** What nodes must have of a model; nothing where it goes along with each job. */
function listWanted(name: string, { models }: ClusterSettings): CheckedModel[] {
  const reference = resolveModelReference(name);
  const folder = Object.hasOwn(models, reference.text) ? models[reference.text] : undefined;
  if (folder !== undefined) return [{ name: reference.text, place: { folder } }];
  return reference.provider === 'hf' ? [{ name: reference.text, place: { hub: reference.repository } }] : [];
}

function printFinding({ print, colors }: CommandContext, { state, about, message, repair }: ClusterFinding): void {
  const [mark, style] = (
    {
      good: ['ok     ', undefined],
      remark: ['note   ', colors.yellow],
      lacking: ['MISSING', colors.red],
    } as const
  )[state];
  print(`${mark}  ${about.padEnd(8)}  ${message}`, style);
  if (repair !== null) print(`                     ${repair}`);
}

function notReady({ code, message, repair }: ClusterFinding, lacks: number): DriftlineError {
  return new DriftlineError({
    code: code ?? 'cluster-failed',
    message: lacks === 1 ? message : `${message}, and ${String(lacks - 1)} more`,
    hint: `${repair === null ? 'Repair that' : `Run what is written below each lack, such as \`${repair}\``}, and check again.`,
    details: { lacking: lacks },
  });
}
