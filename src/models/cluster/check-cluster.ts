import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { waitFor } from '../../foundation/clock.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findCheckReport, type CheckReport } from './check-report.js';
import type { ClusterRun } from './cluster-run.js';
import { explainFailedJob } from './explain-fault.js';
import { describeGpu, type FoundGpu } from './found-gpu.js';
import { checkJobId } from './job-ids.js';
import { good, lacking, remark, type ClusterFinding } from './cluster-finding.js';
import { chooseGpu, judgeCheck, makeFolderLine, type CheckedModel } from './judge-check.js';
import type { RayJob } from './ray-answers.js';
import type { RayClient } from './ray-client.js';
import { pipLine, testedVersions } from './tested-software.js';
import { openWayBack } from './way-back.js';

export interface ClusterCheck {
  readonly address: string;
  readonly ray: string;
  /** In the order in which one would repair them. */
  readonly findings: readonly ClusterFinding[];
  /** For estimates; null where no GPU was seen. */
  readonly gpu: FoundGpu | null;
  /** What the nodes said, as they said it. */
  readonly nodes: CheckReport['nodes'];
}

export interface ClusterChecking {
  readonly models: readonly CheckedModel[];
  /** Whether a recipe holds its base in 4 bits. */
  readonly quantizes: boolean;
  /** Without a token, for what Ray does then. */
  readonly stranger: RayClient;
  /** Names the check: another one each time. */
  readonly nonce: string;
  readonly signal: AbortSignal;
}

/** Milliseconds that the nodes have to tell what they are. */
const patience = 600_000;
/** With which a driver ends that cannot write the storage. */
const unwritableCode = 5;

/** Has a job look at each node of a cluster, and judges what it found. Leaves nothing running, and installs nothing. */
export async function checkCluster(cluster: ClusterRun, checking: ClusterChecking): Promise<ClusterCheck> {
  const { ray, settings } = cluster;
  const { models, quantizes, nonce, signal, stranger } = checking;
  const { ray_version: version } = await ray.version(signal);
  const findings: ClusterFinding[] = [
    good('ray', `Ray ${version} at ${ray.address}; driftline is tested with ${testedVersions.ray}`),
    await lookAtToken(stranger, signal),
  ];
  const nodes = await ray.nodes(signal);
  const outcome = await runCheckJob(cluster, checking);
  if (!('nodes' in outcome))
    return { address: ray.address, ray: version, findings: [...findings, outcome], gpu: null, nodes: [] };
  findings.push(...judgeCheck({ report: outcome, nodes, settings, models, quantizes }));
  if (outcome.head_writes_storage) findings.push(...(await lookAtWayBack(cluster, nonce, signal)));
  const gpu = chooseGpu(outcome);
  return {
    ...{ address: ray.address, ray: version, findings, nodes: outcome.nodes },
    gpu: gpu === null ? null : describeGpu(gpu.name, gpu.bytes),
  };
}

async function lookAtToken(stranger: RayClient, signal: AbortSignal): Promise<ClusterFinding> {
  try {
    await stranger.version(signal);
  } catch (cause) {
    if (!DriftlineError.isInstance(cause) || cause.code !== 'cluster-unauthorized') throw cause;
    return good('token', 'Ray asks for a token, and takes this one');
  }
  return remark(
    'token',
    'Ray asks for no token: whoever reaches its port, any user of that machine among them, runs code there',
    'ray stop; (umask 077; ray get-auth-token --generate); RAY_AUTH_MODE=token ray start --head',
  );
}

/** What the job reported, or what its end says in place of a report. */
async function runCheckJob(
  cluster: ClusterRun,
  { models, nonce, signal }: ClusterChecking,
): Promise<CheckReport | ClusterFinding> {
  const { ray, settings, clock, pace } = cluster;
  const id = checkJobId(nonce);
  const { vllm_python } = settings;
  await cluster.submit(
    {
      ...{ kind: 'check', id, mark: hashJson({ nonce }), metadata: {}, onEnded: 'keep' },
      keys: {
        nonce,
        ...(vllm_python === undefined || vllm_python === settings.python ? {} : { vllm_python }),
        ...(models.length === 0 ? {} : { models: Object.fromEntries(models.map(({ name, place }) => [name, place])) }),
      },
      deliver: () => Promise.resolve(new Map()),
    },
    signal,
  );
  try {
    const until = clock.now() + patience;
    for (;;) {
      const job = await ray.find(id, signal);
      if (job === null) throw silent(id, 'Ray knows it no more');
      if (job.status === 'SUCCEEDED') {
        const report = findCheckReport((await ray.readLog(id, signal)) ?? '', nonce);
        if (report === null) throw silent(id, 'its log has no report');
        return report;
      }
      if (job.status === 'FAILED' || job.status === 'STOPPED') {
        return judgeEnd(job, id, cluster);
      }
      if (clock.now() >= until) throw silent(id, 'it does not end');
      await waitFor(clock, Math.min(1000, pace.few), signal);
    }
  } finally {
    // Where it is still under way nobody waits for it. Ray's record of it stays: one that is removed at its end comes back as a failure.
    await ray.stop(id).catch(() => null);
  }
}

/** What is lacking where the job could not even begin to look. */
function judgeEnd(job: RayJob, id: string, { ray, settings: { storage, python } }: ClusterRun): ClusterFinding {
  if (job.driver_exit_code === unwritableCode)
    return lacking('storage', 'cluster-storage', `the head cannot write ${storage}`, makeFolderLine(storage));
  const { code, message } = explainFailedJob(job, {
    ...{ job: id, address: ray.address, recipe: null, model: '', storage, python },
  });
  return code === 'cluster-software'
    ? lacking('software', code, message, pipLine(python, ['ray', 'trl', 'peft']))
    : lacking('nodes', code, message, `ray job logs ${id} --address ${ray.address}`);
}

/** Both ways by which files come back: the port of the dashboard, and the storage where it is seen here. */
async function lookAtWayBack(
  { ray, budget, settings }: ClusterRun,
  nonce: string,
  signal: AbortSignal,
): Promise<ClusterFinding[]> {
  const { storage, storage_here: here } = settings;
  const file = `checks/${nonce}.json`;
  const dashboard = await openWayBack({ ray, budget, storage, storageHere: null }, signal);
  const byDashboard = (await dashboard.read(file, { purpose: 'done', signal })) !== null;
  const path = here === undefined || here === 'none' ? storage : here;
  const byFolder =
    here !== 'none' &&
    (await readFile(join(path, file)).then(
      () => true,
      () => false,
    ));
  const findings = byDashboard ? [good('way back', 'files come back by the port of the dashboard')] : [];
  if (byFolder) findings.push(good('way back', `the storage is seen here, too, as ${path}: files come from there`));
  else if (here !== undefined && here !== 'none')
    findings.push(
      lacking(
        'way back',
        'cluster-storage',
        `${here} is not the storage of the cluster, or is not seen here`,
        byDashboard ? 'cluster: { storage_here: none }   # in the plan' : `sshfs HEAD:${storage} ${here}`,
      ),
    );
  if (!byDashboard && !byFolder)
    findings.push(
      lacking(
        'way back',
        'cluster-storage',
        'what the nodes write does not come back by the dashboard, whose log folder has no link to the storage',
        `mkdir -p ${storage} && sshfs HEAD:${storage} ${storage}`,
      ),
    );
  return findings;
}

function silent(job: string, why: string): DriftlineError {
  return new DriftlineError({
    code: 'cluster-failed',
    message: `${job}, which looks at the nodes, told nothing: ${why}`,
    hint: 'Look at the dashboard of Ray for what is wrong there, and check again.',
    details: { job },
  });
}
