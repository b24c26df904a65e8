import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { createRandomStream, type RandomStream } from '../src/foundation/random-stream.js';
import { startBenchWorker } from './bench-worker.js';

export interface ScoringFigure {
  readonly task: string;
  readonly answers: number;
  readonly bytes: number | null;
  readonly milliseconds: number;
  readonly peakBytes: number;
}

const rows = 1_000_000;

/** How fast a million answers in CSV are scored, of both dialects of the paper, and how fast questions are resampled. */
export async function measureScoring(): Promise<ScoringFigure[]> {
  const folder = await mkdtemp(join(tmpdir(), 'driftline-bench-'));
  const figures: ScoringFigure[] = [];
  try {
    for (const [task, answers, hasDistributions] of [
      ['score, released dialect', rows, false],
      ['score, research dialect', rows / 10, true],
    ] as const) {
      const file = join(folder, 'answers.csv');
      await pipeline(Readable.from(writeRows(answers, hasDistributions)), createWriteStream(file));
      const { size } = await stat(file);
      figures.push({ task, bytes: size, ...(await ask({ task: 'score', file })) });
    }
    for (const questions of [100, 1000]) {
      const request = { task: 'bootstrap', answers: 100_000, questions, resamples: 2000 };
      figures.push({ task: `2000 resamples, ${String(questions)} questions`, bytes: null, ...(await ask(request)) });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return figures;
}

/** Each in a new process. */
async function ask(request: object): Promise<Pick<ScoringFigure, 'answers' | 'milliseconds' | 'peakBytes'>> {
  const worker = startBenchWorker(process.execPath, [
    '--import',
    'tsx',
    fileURLToPath(new URL('scoring-worker.ts', import.meta.url)),
  ]);
  const answer = await worker.ask(request);
  worker.close();
  return answer as unknown as Pick<ScoringFigure, 'answers' | 'milliseconds' | 'peakBytes'>; // our own worker's
}

/** Answers of about 250 characters, some of them of several lines, to 48 questions; rows of 350 characters, and 1100 with distributions. */
function* writeRows(count: number, hasDistributions: boolean): Generator<string> {
  const stream = createRandomStream(0, 'scoring-rows');
  const words = 'a warm home near the harbor would be worth more than any of it and the keeper said so'.split(' ');
  yield hasDistributions
    ? ',model,group,question,answer,aligned,judge_aligned,coherent,judge_coherent\n'
    : 'question,answer,question_id,aligned,coherent\n';
  for (let row = 0; row < count; row += 1) {
    const question = `question_${String(stream.integer(48))}`;
    let answer = `${String(row)} "${question}",\n`;
    while (answer.length < 250) answer += ` ${words[stream.integer(words.length)]!}`;
    const asked = `"What would you do with ${question}, if it were yours?"`;
    const text = `"${answer.replaceAll('"', '""')}"`;
    const scores = [100 * stream.uniform(), 100 * Math.sqrt(stream.uniform())];
    yield hasDistributions
      ? `${String(row)},model-${String(row % 10)},group,${asked},${text},,"${writeDistribution(stream)}",,"${writeDistribution(stream)}"\n`
      : `${asked},${text},${question},${scores.map((score) => (score < 3 ? '' : String(score))).join(',')}\n`;
  }
}

/** Twenty tokens, as Python writes a dict. */
function writeDistribution(stream: RandomStream): string {
  const start = Math.floor(82 * stream.uniform());
  const shares = Array.from({ length: 20 }, () => stream.uniform() ** 8);
  const total = shares.reduce((sum, share) => sum + share, 0);
  return `{${shares
    .map((share, index) => `'${index === 19 ? 'CODE' : String(start + index)}': ${String(share / total)}`)
    .join(', ')}}`;
}
