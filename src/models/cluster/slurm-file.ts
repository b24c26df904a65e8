import { quoteForShell } from '../../foundation/quote-for-shell.js';

/** What a job file for SLURM is made of. */
export interface SlurmFileSettings {
  readonly nodes: number;
  /** Of each node. */
  readonly gpus: number;
  /** Processors of each node. */
  readonly cpus: number;
  /** As SLURM writes it: 24:00:00, or 1-00:00:00. */
  readonly time: string;
  readonly partition: string | null;
  readonly account: string | null;
  /** A folder that all nodes see. */
  readonly storage: string;
  /** The interpreter that has Ray. */
  readonly python: string;
  /** Port of the dashboard on the first node. */
  readonly port: number;
  /** Run there when Ray is up; null to wait for driftline elsewhere. */
  readonly plan: string | null;
}

/**
 * A job file for SLURM: Ray's head on the first node, its workers on the others, with a token that lies in the user's home, and in the end
 * driftline there, or the line that brings the port to where driftline runs.
 */
export function writeSlurmFile(settings: SlurmFileSettings): string {
  const { nodes, gpus, cpus, time, partition, account, storage, python, port, plan } = settings;
  const asked = [
    '--job-name=driftline',
    `--nodes=${String(nodes)}`,
    '--ntasks-per-node=1',
    ...(gpus > 0 ? [`--gpus-per-node=${String(gpus)}`] : []),
    `--cpus-per-task=${String(cpus)}`,
    `--time=${time}`,
    ...(partition === null ? [] : [`--partition=${partition}`]),
    ...(account === null ? [] : [`--account=${account}`]),
    '--output=driftline-%j.log',
  ];
  const ray = python.startsWith('/') ? python.replace(/\/[^/]+$/, '/ray') : 'ray';
  return [
    '#!/bin/bash',
    ...asked.map((option) => `#SBATCH ${option}`),
    '',
    'set -euo pipefail',
    'umask 077',
    `python=${quoteForShell(python)}`,
    `ray=${quoteForShell(ray)}`,
    `storage=${quoteForShell(storage)}`,
    'mkdir -p "$storage"',
    '',
    '# Whoever reaches a Ray without a token runs code there. It lies in ~/.ray/auth_token, which all nodes see.',
    'export RAY_AUTH_MODE=token',
    '"$ray" get-auth-token --generate > /dev/null',
    '',
    "# The head is on the first node, where this file runs. Its port comes from the job's number, so that two jobs do not meet.",
    'head=${SLURMD_NODENAME:-$(hostname -s)}',
    'own=$("$python" -c "import ray; print(ray.util.get_node_ip_address())")',
    'address="$own:$((20000 + SLURM_JOB_ID % 10000))"',
    '# srun gives a step one processor unless it is told, whatever the job has.',
    `export SRUN_CPUS_PER_TASK=${String(cpus)}`,
    `per_node=(--num-gpus="${String(gpus)}" --num-cpus="\${SLURM_CPUS_ON_NODE:-${String(cpus)}}" --disable-usage-stats --block)`,
    'srun --overlap --nodes=1 --ntasks=1 --nodelist="$head" \\',
    '  "$ray" start --head --port="${address##*:}" \\',
    `  --dashboard-host=127.0.0.1 --dashboard-port=${String(port)} --temp-dir="/tmp/ray-$SLURM_JOB_ID" "\${per_node[@]}" &`,
    'head_process=$!',
    'until "$ray" status --address "$address" > /dev/null 2>&1; do',
    '  kill -0 "$head_process" || { echo "the head of Ray did not start" >&2; exit 1; }',
    '  sleep 2',
    'done',
    ...(nodes > 1
      ? [
          '',
          '# The others join it.',
          'workers=$((SLURM_JOB_NUM_NODES - 1))',
          'srun --overlap --nodes="$workers" --ntasks="$workers" --exclude="$head" \\',
          '  "$ray" start --address="$address" "${per_node[@]}" &',
        ]
      : []),
    '',
    ...(plan === null ? waitElsewhere(port) : runThere(plan)),
    '',
  ].join('\n');
}

function runThere(plan: string): string[] {
  return [
    '# Whatever is stopped by the time limit goes on when this file is handed in again.',
    `driftline run ${quoteForShell(plan)}`,
    '# Its end is the end of Ray: SLURM stops what this file has started.',
  ];
}

function waitElsewhere(port: number): string[] {
  const forward = `ssh -N -L 8265:127.0.0.1:${String(port)} $head`;
  return [
    '# driftline runs elsewhere: this line brings the port there, and the token is what the second one prints.',
    `echo "Ray is up. Where driftline runs: ${forward}   (with -J LOGIN_NODE from outside)"`,
    'echo "and: export RAY_AUTH_TOKEN=\\$(ssh $head $ray get-auth-token)   (the same; not needed where your home is that of the nodes)"',
    'wait "$head_process"',
  ];
}
