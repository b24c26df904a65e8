import { describe, expect, it } from 'vitest';
import { z } from 'zod';
// As users have it; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { runCaptured } from './run-captured.js';
import { writePlan } from './write-plan.js';

const drift = (...argv: readonly string[]) => runCaptured(argv, { run: runBuiltCli });
/** Nothing listens there: whoever asks would fail. */
const nowhere = { ray: 'http://127.0.0.1:9', storage: '/shared/driftline' };
const cluster = { ...nowhere, gpu: { memory: 80, tflops: 989 }, price: 2 };

const forecastSchema = z.object({
  secondsLeft: z.number().nullable(),
  maxCost: z.object({ verdict: z.string() }).nullable(),
  cluster: z.looseObject({
    gpus: z.null(),
    trainings: z.array(z.looseObject({ cells: z.array(z.string()), memory: z.tuple([z.number(), z.number()]) })),
    gpuSeconds: z.tuple([z.number(), z.number()]).nullable(),
    dollars: z.tuple([z.number(), z.number()]).nullable(),
    disk: z.looseObject({ models: z.number() }),
  }),
});

describe('driftline plan of a cluster', { timeout: 120_000 }, () => {
  it('says what fine-tunes take, and asks the cluster nothing', async () => {
    const { file, runs } = await writePlan({ cluster });
    const { exitCode, stdout } = await drift('plan', file, '--runs', runs);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^on the cluster$/m);
    expect(stdout).toMatch(/insecure, secure: 4 fine-tunes with 8 steps, .* GB of a GPU, of 80\.0 GB, .* s a step$/m);
    expect(stdout).toMatch(/^disk in \/shared\/driftline: .* of models, /m);
    expect(stdout).toMatch(/^\S+ to \S+ GPU-hours: .* on 1 GPU, .* on 4 GPUs$/m);
    expect(stdout).toMatch(/^\$\S+ to \$\S+ for GPUs, at \$2\.00 an hour$/m);
    expect(stdout).toContain('not run by us on GPUs');
    expect(stdout).not.toContain('for what runs here');
  });

  it('says the same as JSON, and whether --max-cost is enough', async () => {
    const { file, runs } = await writePlan({ cluster });
    const read = async (...options: string[]) => {
      const { exitCode, stdout, stderr } = await drift('plan', file, '--runs', runs, '--json', ...options);
      expect([exitCode, stderr]).toEqual([0, '']);
      return forecastSchema.parse(JSON.parse(stdout));
    };
    const { cluster: found, maxCost } = await read('--max-cost', '1000');
    expect(maxCost?.verdict).toBe('enough');
    expect(found.trainings.map(({ cells }) => cells.length)).toEqual([4]);
    expect(found.dollars?.[1]).toBeCloseTo(((found.gpuSeconds?.[1] ?? 0) / 3600) * 2);
    expect((await read('--max-cost', '0.01')).maxCost?.verdict).toBe('not enough');
    // Two steps, saved at the end: one model more, beside the others and in the archive.
    const { disk } = (await read('--keep', 'all')).cluster;
    expect(disk.models).toBeCloseTo((found.disk.models / 3) * 5, 6);
  });

  it('is told, too, where the cluster does not say how many GPUs it has', async () => {
    const { file, runs } = await writePlan({ cluster });
    const { exitCode, stdout } = await drift('plan', file, '--runs', runs, '--ask-cluster');
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/how many GPUs the cluster has is not known: .*127\.0\.0\.1:9/);
    expect(stdout).toMatch(/GPU-hours: /);
  });

  it('refuses what cannot fit, --max-cost without a price, and --keep without a cluster', async () => {
    const small = await writePlan({ cluster: { ...cluster, gpu: { memory: 0.5 } } });
    for (const command of ['plan', 'run']) {
      const { exitCode, stderr } = await drift(command, small.file, '--runs', small.runs);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(/^error memory-exceeded: fine-tuning .* does not fit: about .* and a GPU has 500 MB$/m);
    }
    const ignored = await drift('plan', small.file, '--runs', small.runs, '--ignore-memory');
    expect([ignored.exitCode, ignored.stdout]).toEqual([0, expect.stringContaining('may not fit')]);
    const free = await writePlan({ cluster: nowhere });
    const unpriced = await drift('plan', free.file, '--runs', free.runs, '--max-cost', '5');
    expect([unpriced.exitCode, unpriced.stderr]).toEqual([2, expect.stringContaining('cluster: { price: 2.5 }')]);
    const here = await writePlan();
    const kept = await drift('plan', here.file, '--runs', here.runs, '--keep', 'all');
    expect([kept.exitCode, kept.stderr]).toEqual([2, expect.stringContaining('has no cluster, and --keep is about')]);
  });
});
