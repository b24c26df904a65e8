import { createInterface } from 'node:readline';
import { countResultFile } from '../src/results/count-result-file.js';
import { summariseFile } from '../src/results/summarise-results.js';
import { findRule } from '../src/judging/rules.js';
import { bootstrapClusters } from '../src/stats/bootstrap-clusters.js';
import { createRandomStream } from '../src/foundation/random-stream.js';

/** Scores files, and resamples questions, in a process of its own so that its peak memory is its own; a JSON line in, one out. */

export type ScoringRequest =
  | { readonly task: 'score'; readonly file: string }
  | { readonly task: 'bootstrap'; readonly answers: number; readonly questions: number; readonly resamples: number }
  | { readonly task: 'exit' };

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line) as ScoringRequest; // from measure-scoring.ts
  if (request.task === 'exit') break;
  const start = performance.now();
  const answers = request.task === 'score' ? await score(request) : resample(request);
  const milliseconds = performance.now() - start;
  console.log(JSON.stringify({ answers, milliseconds, peakBytes: 1024 * process.resourceUsage().maxRSS }));
}
process.exit(0);

async function score({ file }: { readonly file: string }): Promise<number> {
  const rule = findRule('paper');
  const { questions } = await countResultFile(file, rule);
  return summariseFile(questions, { file, rule, seed: 0 }).generated;
}

function resample({ answers, questions, resamples }: Extract<ScoringRequest, { task: 'bootstrap' }>): number {
  const stream = createRandomStream(0, 'scoring-bench');
  const trials = answers / questions;
  const clusters = Array.from({ length: questions }, (_, index) => ({
    name: String(index),
    successes: stream.integer(trials + 1),
    trials,
  }));
  return bootstrapClusters(clusters, { seed: 0, resamples }).n;
}
