import { formatMemory } from '../../foundation/format-quantities.js';
import { hostOf, type CheckedNode, type CheckReport } from './check-report.js';
import { countOf, good, lacking, joinSome, remark, type ClusterFinding } from './cluster-finding.js';
import type { ClusterSettings } from './cluster-settings.js';
import { describeGpu } from './found-gpu.js';
import { judgeSoftware } from './judge-software.js';
import type { RayNode } from './ray-answers.js';

/** A model that nodes must have or be able to fetch. */
export interface CheckedModel {
  readonly name: string;
  readonly place: { readonly hub: string } | { readonly folder: string };
}

export interface JudgedCheck {
  readonly report: CheckReport;
  readonly nodes: readonly RayNode[];
  readonly settings: Pick<
    ClusterSettings,
    'storage' | 'python' | 'vllm_python' | 'gpus_per_cell' | 'gpus_per_sampler' | 'environment'
  >;
  readonly models: readonly CheckedModel[];
  /** Whether a recipe holds its base in 4 bits. */
  readonly quantizes: boolean;
}

/** What the nodes of a cluster told: what is there, what is lacking, and the line that repairs it. */
export function judgeCheck(check: JudgedCheck): ClusterFinding[] {
  const { report } = check;
  const answering = report.nodes.filter(({ error }) => error === undefined);
  return [
    ...judgeNodes(check, answering),
    ...judgeGpus(check, answering),
    ...judgeProcessors(check, answering),
    ...judgeStorage(check, answering),
    ...judgeSoftware(check.settings, answering, check),
    ...check.models.flatMap((model) => judgeModel(model, answering, check)),
  ];
}

/** Who may not become root has these ways, too. */
const withoutRoot = '   # or ask who runs the cluster, or name another storage';

/** The line that makes a folder of whoever types it. */
export function makeFolderLine(folder: string): string {
  return `sudo mkdir -p ${folder} && sudo chown $USER ${folder}${withoutRoot}`;
}

function judgeNodes({ report, nodes }: JudgedCheck, answering: readonly CheckedNode[]): ClusterFinding[] {
  const dead = nodes.filter(({ isAlive }) => !isAlive).length;
  const heads = new Set(nodes.filter(({ isHead }) => isHead).map(({ id }) => id));
  const listed = answering.map((node) => `${hostOf(node)}${heads.has(node.node) ? ' (head)' : ''}`);
  const silent = report.nodes.filter(({ error }) => error !== undefined);
  return [
    good('nodes', `${countOf(answering.length, 'node')}: ${joinSome(listed)}`),
    ...silent.map((node) =>
      lacking(
        'nodes',
        'cluster-failed',
        `${hostOf(node)} runs nothing: ${node.error ?? ''}`,
        'RAY_AUTH_MODE=token ray start --address=HEAD:6379',
      ),
    ),
    ...(dead > 0 ? [remark('nodes', `${countOf(dead, 'node')} of Ray's list ${dead === 1 ? 'is' : 'are'} gone`)] : []),
  ];
}

function judgeGpus({ settings, nodes }: JudgedCheck, answering: readonly CheckedNode[]): ClusterFinding[] {
  const wanted = Math.max(settings.gpus_per_cell, settings.gpus_per_sampler);
  const most = Math.max(0, ...nodes.filter(({ isAlive }) => isAlive).map(({ gpus }) => gpus));
  const seen = answering.flatMap((node): ClusterFinding[] => {
    const counted = node.resources['GPU'] ?? 0;
    const found = node.python?.gpus ?? [];
    if (found.length === 0 && counted === 0) return [];
    if (found.length === 0)
      return [
        remark(
          'gpus',
          `${hostOf(node)}: Ray counts ${countOf(counted, 'GPU')}, and torch of ${settings.python} sees none${node.python?.torch_error === undefined ? '' : `: ${node.python.torch_error}`}`,
          `${settings.python} -c "import torch; print(torch.version.cuda, torch.cuda.is_available())"`,
        ),
      ];
    const kinds = new Map<string, number>();
    for (const { name, bytes } of found) {
      const kind = `${name}, ${formatMemory(bytes)}`;
      kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
    }
    const said = [...kinds].map(([kind, times]) => `${String(times)} x ${kind}`).join('; ');
    return counted === 0
      ? [
          remark(
            'gpus',
            `${hostOf(node)}: ${said}, of which Ray counts none`,
            `ray stop; RAY_AUTH_MODE=token ray start --head --num-gpus=${String(found.length)}`,
          ),
        ]
      : [good('gpus', `${hostOf(node)}: ${said}; Ray counts ${String(counted)}`)];
  });
  if (wanted <= most) return seen.length > 0 ? seen : [good('gpus', 'none, and none is asked for')];
  return [
    ...seen,
    lacking(
      'gpus',
      'configuration-invalid',
      `no node has the ${countOf(wanted, 'GPU')} that ${settings.gpus_per_cell >= settings.gpus_per_sampler ? 'a fine-tune' : 'a vLLM'} takes: Ray counts ${String(most)} at most, and would wait for ever`,
      most === 0
        ? 'cluster: { gpus_per_cell: 0, gpus_per_sampler: 0 }   # in the plan, to use processors'
        : `cluster: { gpus_per_cell: ${String(Math.min(most, settings.gpus_per_cell))}, gpus_per_sampler: ${String(Math.min(most, settings.gpus_per_sampler))} }   # in the plan`,
    ),
  ];
}

/** Ray places a job only where a processor is free for it: with too few of them GPUs stay idle. */
function judgeProcessors({ settings, nodes }: JudgedCheck, answering: readonly CheckedNode[]): ClusterFinding[] {
  const taken = [settings.gpus_per_cell, settings.gpus_per_sampler].filter((gpus) => gpus > 0);
  if (taken.length === 0) return [];
  return answering.flatMap((node): ClusterFinding[] => {
    const { GPU: gpus = 0, CPU: cpus = 0 } = node.resources;
    const places = Math.floor(gpus / Math.min(...taken));
    if (cpus >= places) return [];
    const isHead = nodes.some(({ id, isHead: leads }) => leads && id === node.node);
    return [
      remark(
        'gpus',
        `${hostOf(node)}: Ray counts ${countOf(cpus, 'CPU')} for ${countOf(gpus, 'GPU')}, and each fine-tune and each vLLM takes one: only ${String(Math.floor(cpus))} can be at work there`,
        `ray stop; RAY_AUTH_MODE=token ray start ${isHead ? '--head' : '--address=HEAD:6379'} --num-cpus=${String(places)}   # on SLURM: driftline cluster slurm --cpus`,
      ),
    ];
  });
}

function judgeStorage(
  { report, settings: { storage }, nodes }: JudgedCheck,
  answering: readonly CheckedNode[],
): ClusterFinding[] {
  const head = answering.find(({ node }) => nodes.some(({ id, isHead }) => isHead && id === node));
  const headName = head === undefined ? 'HEAD' : hostOf(head);
  if (!report.head_writes_storage)
    return [
      lacking(
        'storage',
        'cluster-storage',
        `${headName} cannot write ${storage}: ${report.storage_error ?? 'it says not why'}`,
        makeFolderLine(storage),
      ),
    ];
  const mount = `sudo mkdir -p ${storage} && sudo mount -t nfs ${headName}:${storage} ${storage}${withoutRoot}`;
  const lost = answering.flatMap((node): ClusterFinding[] => {
    const host = hostOf(node);
    if (!node.sees_storage)
      return [lacking('storage', 'cluster-storage', `${host} does not see ${storage} as ${headName} does`, mount)];
    if (!node.writes_storage)
      return [
        lacking(
          'storage',
          'cluster-storage',
          `${host} sees ${storage} and cannot write it: ${node.storage_error ?? ''}`,
          `sudo mount -o remount,rw ${storage}${withoutRoot}`,
        ),
      ];
    return node.seen_by_head
      ? []
      : [
          lacking(
            'storage',
            'cluster-storage',
            `what ${host} writes to ${storage} does not come to ${headName}`,
            mount,
          ),
        ];
  });
  if (lost.length > 0) return lost;
  const free = Math.min(...answering.map(({ free_bytes: bytes }) => bytes ?? Infinity));
  const room = Number.isFinite(free) ? `, ${formatMemory(free)} free` : '';
  return [
    good('storage', `${storage} is seen and written by ${answering.length === 1 ? 'the node' : 'all nodes'}${room}`),
  ];
}

function judgeModel(
  { name, place }: CheckedModel,
  answering: readonly CheckedNode[],
  { settings }: JudgedCheck,
): ClusterFinding[] {
  const lost = answering.filter((node) => {
    const found = node.models[name];
    return found === undefined || !(found.there || found.fetched === true);
  });
  const [first] = lost;
  if (first === undefined) {
    const fetching = answering.filter((node) => node.models[name]?.there !== true).map(hostOf);
    return [
      good('models', fetching.length === 0 ? `${name} is there` : `${name} will be fetched by ${joinSome(fetching)}`),
    ];
  }
  const why = first.models[name]?.error;
  const home = settings.environment['HF_HOME'];
  return [
    lacking(
      'models',
      'cluster-model-missing',
      `${joinSome(lost.map(hostOf))} ${lost.length === 1 ? 'has' : 'have'} not ${name}${'folder' in place ? ` in ${place.folder}` : ''}, and cannot fetch it${why === undefined ? '' : `: ${why}`}`,
      'folder' in place
        ? `hf download ${name.replace(/^hf:/, '')} --local-dir ${place.folder}`
        : `${home === undefined ? '' : `HF_HOME=${home} `}hf download ${place.hub}   # after \`hf auth login\`, where its licence asks for one`,
    ),
  ];
}

/** The GPU of which there are most, for estimates; null where none was seen. */
export function chooseGpu({ nodes }: CheckReport): { readonly name: string; readonly bytes: number } | null {
  const counts = new Map<string, { readonly name: string; readonly bytes: number; times: number }>();
  for (const { name, bytes } of nodes.flatMap(({ python }) => python?.gpus ?? [])) {
    const one = counts.get(name) ?? { name, bytes, times: 0 };
    counts.set(name, one);
    one.times += 1;
  }
  const [most = null] = [...counts.values()].sort((left, right) => right.times - left.times);
  return most === null ? null : { name: most.name, bytes: most.bytes };
}

/** The lines of a plan that say what GPU there is. */
export function writeGpuLine({ memory, tflops }: ReturnType<typeof describeGpu>): string {
  return `gpu: { memory: ${String(memory)}${tflops === undefined ? '' : `, tflops: ${String(tflops)}`} }`;
}
