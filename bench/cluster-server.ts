import { createInterface } from 'node:readline';
import { limitConcurrency } from '../src/foundation/limit-concurrency.js';
import { createFakeJobs } from '../test/models/cluster/fake-jobs.js';
import { startFakeRay } from '../test/models/cluster/fake-ray.js';

/** What the benchmark tells the cluster. */
export type ClusterTask =
  | { readonly task: 'start'; readonly gpus: number }
  /** Milliseconds of a step of a fine-tune, and of a thousand answers. */
  | { readonly task: 'pace'; readonly stepTime: number; readonly answerTime: number }
  | { readonly task: 'count' }
  | { readonly task: 'exit' };

export interface ClusterCounts {
  readonly requests: Readonly<Record<string, number>>;
  readonly jobs: number;
  readonly answers: number;
}

/** The cluster of the benchmark, a process of its own: as many fine-tunes at once as there are GPUs, and answers that cost little. */
const jobs = createFakeJobs();
jobs.isFast = true;
let gpus = limitConcurrency(1);
const ray = await startFakeRay({
  keepsRequests: false,
  run: (driver) => {
    const isTraining = driver.id.startsWith('driftline-t-');
    return isTraining ? gpus(() => jobs.run(driver)) : jobs.run(driver);
  },
});

for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line) as ClusterTask; // the benchmark's own
  if (task.task === 'exit') break;
  if (task.task === 'start') {
    gpus = limitConcurrency(task.gpus);
    for (const node of ray.nodes) node.gpus = task.gpus;
  }
  if (task.task === 'pace') Object.assign(jobs, { stepTime: task.stepTime, answerTime: task.answerTime });
  const counts: ClusterCounts = {
    requests: Object.fromEntries(ray.counts),
    jobs: ray.jobs.size,
    answers: jobs.answers,
  };
  process.stdout.write(`${JSON.stringify({ address: ray.address, token: ray.token, ...counts })}\n`);
}
await ray.close();
process.exit(0);
