import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { benchShapes, type BenchShape } from './bench-shape.js';
import { startBenchWorker, type BenchWorker } from './bench-worker.js';
import { measureScoring } from './measure-scoring.js';
import { necessaryOperations } from './necessary-operations.js';

/**
 * `npm run bench [-- --shapes S,M,5M --rounds 3 --output FILE --no-pytorch]`: how fast the engine trains and samples, against
 * this machine's own matrix products and, where Python has PyTorch, against PyTorch on the same work. Engines take turns
 * within each figure, so that both see the machine in the same state; figures are medians. Then how fast results are scored, once each;
 * `--shapes none` measures only that.
 */

const { values: options } = parseArgs({
  options: {
    shapes: { type: 'string', default: 'S,M,5M' },
    rounds: { type: 'string', default: '3' },
    output: { type: 'string', default: 'bench-results.json' },
    'no-pytorch': { type: 'boolean', default: false },
  },
});
const rounds = Number(options.rounds);
const threads = availableParallelism();
const shapes = benchShapes.filter(({ name }) => options.shapes.split(',').includes(name));
const productSizes = [
  [1024, 384, 1536],
  [1024, 1024, 1024],
  [2048, 576, 1536],
  [1024, 384, 8192],
  [512, 576, 49152],
] as const;
const sampling = { batch: 32, prompt: 32, tokens: 64 };
const sharing = { prompt: 200, tokens: 64 };

/** What a worker answers to a training or sampling task. */
interface EngineAnswer {
  readonly milliseconds: readonly number[];
  readonly peakBytes: number;
}

const turnMilliseconds = 5000;

interface Figure {
  readonly shape: string;
  readonly task: string;
  readonly tokens: number;
  readonly milliseconds: number;
  readonly tokensPerSecond: number;
  readonly peakGigabytes: number;
  /** Necessary operations a second, and their share of the machine's matrix-product peak in the same minutes. */
  readonly gigaflops: number | null;
  readonly shareOfPeak: number | null;
  readonly pytorchMilliseconds: number | null;
  readonly pytorchPeakGigabytes: number | null;
  /** PyTorch's time over ours. */
  readonly speedup: number | null;
}

const pytorch = options['no-pytorch'] || shapes.length === 0 ? null : await startPytorch();
const figures: Figure[] = [];
const peaks: number[] = [];
for (const shape of shapes) {
  for (const task of ['lora-step', 'full-step'] as const) {
    const request = { task, shape: { ...shape, tied: true }, batch: shape.batch, length: shape.length };
    const peak = await measurePeak();
    const figure = await compare(shape, task, request, shape.batch * shape.length, peak);
    figures.push(figure);
    report(figure);
  }
  const request = { task: 'sample', shape: { ...shape, tied: true }, ...sampling };
  const figure = await compare(shape, 'sample', request, sampling.batch * sampling.tokens, null);
  figures.push(figure);
  report(figure);
}
const shared = [];
for (const shape of shapes) {
  const figure = await measureSharing(shape);
  shared.push(figure);
  console.log(
    `${shape.name.padEnd(3)} 32 answers of ${String(sharing.tokens)} tokens to one prompt of ${String(sharing.prompt)}: ${figure.many.toFixed(0)} ms; ` +
      `one prefill ${figure.prefill.toFixed(0)} ms and their own tokens ${figure.own.toFixed(0)} ms; ${figure.ratio.toFixed(2)} times the sum`,
  );
}
pytorch?.close();
const scoring = await measureScoring();
for (const { task, answers, bytes, milliseconds, peakBytes } of scoring)
  console.log(
    `${task}: ${String(answers)} answers${bytes === null ? '' : `, ${(bytes / 1e6).toFixed(0)} MB`} in ${(milliseconds / 1e3).toFixed(2)} s, ${(peakBytes / 1e6).toFixed(0)} MB of memory`,
  );
const machine = { processor: cpus()[0]?.model ?? 'unknown', threads, node: process.version, pytorch: pytorchVersion() };
await writeFile(
  options.output,
  `${JSON.stringify({ machine, peakGigaflops: peaks, figures, sharing: shared, scoring }, null, 2)}\n`,
);
const peak = peaks.length === 0 ? '' : `matrix-product peak ${Math.max(...peaks).toFixed(0)} GFLOP/s; `;
console.log(`\n${peak}written to ${options.output}`);

function startEngine(): BenchWorker {
  const worker = fileURLToPath(new URL('engine-worker.ts', import.meta.url));
  return startBenchWorker(process.execPath, ['--import', 'tsx', worker, String(threads)]);
}

async function startPytorch(): Promise<BenchWorker | null> {
  if (pytorchVersion() === null) {
    console.log('python3 has no torch: measuring the engine alone\n');
    return null;
  }
  const worker = startBenchWorker('python3', [
    fileURLToPath(new URL('pytorch_reference.py', import.meta.url)),
    String(threads),
  ]);
  const { torch } = await worker.ask({ task: 'environment' });
  console.log(`PyTorch ${String(torch)}, ${String(threads)} threads\n`);
  return worker;
}

function pytorchVersion(): string | null {
  try {
    return execFileSync('python3', ['-c', 'import torch; print(torch.__version__)'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return null; // no Python, or no PyTorch
  }
}

/** The best of several matrix products' median rates, now. */
async function measurePeak(): Promise<number> {
  const engine = startEngine();
  const { median } = (await engine.ask({ task: 'matmul', sizes: productSizes, steps: 12 })) as { median: number[] };
  engine.close();
  const peak = Math.max(...median);
  peaks.push(peak);
  return peak;
}

async function compare(
  shape: BenchShape,
  task: 'lora-step' | 'full-step' | 'sample',
  request: object,
  tokens: number,
  peak: number | null,
): Promise<Figure> {
  const engine = startEngine();
  const ours: number[] = [];
  const theirs: number[] = [];
  let peakBytes = 0;
  let theirPeakBytes = 0;
  // As many steps a turn as a few seconds hold.
  const first = (await engine.ask({ ...request, steps: 1, warmup: 1 })) as unknown as EngineAnswer;
  const steps = Math.min(4, Math.max(1, Math.round(turnMilliseconds / median(first.milliseconds))));
  for (let round = 0; round < rounds; round += 1) {
    const turn = { ...request, steps, warmup: 1 };
    const answer = (await engine.ask(turn)) as unknown as EngineAnswer;
    ours.push(...answer.milliseconds);
    peakBytes = answer.peakBytes;
    if (pytorch === null) continue;
    const other = (await pytorch.ask(turn)) as unknown as EngineAnswer & { readonly error?: string };
    if (other.error !== undefined) throw new Error(`PyTorch: ${other.error}`);
    theirs.push(...other.milliseconds);
    theirPeakBytes = other.peakBytes;
  }
  engine.close();
  const milliseconds = median(ours);
  const gigaflops = task === 'sample' ? null : necessaryOperations(shape, task) / 1e6 / milliseconds;
  return {
    shape: shape.name,
    task,
    tokens,
    milliseconds,
    tokensPerSecond: (tokens / milliseconds) * 1e3,
    peakGigabytes: peakBytes / 1e9,
    gigaflops,
    shareOfPeak: gigaflops === null || peak === null ? null : gigaflops / peak,
    pytorchMilliseconds: theirs.length === 0 ? null : median(theirs),
    pytorchPeakGigabytes: theirs.length === 0 ? null : theirPeakBytes / 1e9,
    speedup: theirs.length === 0 ? null : median(theirs) / milliseconds,
  };
}

/** What sharing a prompt saves: 32 answers to it, against one prefill and the decoding of 32 answers by itself. */
async function measureSharing(
  shape: BenchShape,
): Promise<{ shape: string; many: number; prefill: number; own: number; ratio: number }> {
  const engine = startEngine();
  const time = async (batch: number, tokens: number): Promise<number> => {
    const request = {
      task: 'sample',
      shape,
      batch,
      prompt: sharing.prompt,
      tokens,
      samePrompt: true,
      steps: 5,
      warmup: 1,
    };
    return median(((await engine.ask(request)) as { milliseconds: number[] }).milliseconds);
  };
  const many = await time(32, sharing.tokens);
  const half = await time(32, sharing.tokens / 2);
  const one = await time(1, 1);
  const two = await time(1, 2);
  engine.close();
  const prefill = one - (two - one);
  const own = (many - half) * 2;
  return { shape: shape.name, many, prefill, own, ratio: many / (prefill + own) };
}

function report(figure: Figure): void {
  const cell = (value: number | null, digits: number, unit: string): string =>
    value === null ? '-' : `${value.toFixed(digits)}${unit}`;
  console.log(
    [
      figure.shape.padEnd(3),
      figure.task.padEnd(10),
      `${figure.milliseconds.toFixed(0)} ms`.padStart(9),
      `${figure.tokensPerSecond.toFixed(0)} tokens/s`.padStart(15),
      `${cell(figure.gigaflops, 0, ' GFLOP/s')} ${cell(figure.shareOfPeak === null ? null : figure.shareOfPeak * 100, 0, ' % of peak')}`.padStart(
        24,
      ),
      `${figure.peakGigabytes.toFixed(2)} GB`.padStart(9),
      `PyTorch ${cell(figure.pytorchMilliseconds, 0, ' ms')}, ${cell(figure.pytorchPeakGigabytes, 2, ' GB')}`.padStart(
        28,
      ),
      cell(figure.speedup, 2, ' times as fast').padStart(20),
    ].join(' '),
  );
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? NaN;
}
