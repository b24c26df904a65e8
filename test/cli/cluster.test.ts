import { describe, expect, it, onTestFinished } from 'vitest';
// As users have it; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { openTestCluster } from '../models/cluster/open-test-cluster.js';
import { runCaptured, type RunOptions } from './run-captured.js';
import { writePlan } from './write-plan.js';

const drift = (argv: readonly string[], options: RunOptions = {}) =>
  runCaptured(argv, { run: runBuiltCli, ...options });

describe('driftline run with a cluster', () => {
  it('trains and asks there, prints the table, and has nothing to do the second time', async () => {
    const cluster = await openTestCluster();
    onTestFinished(cluster.close);
    const { file, runs } = await writePlan({ cluster: { ray: cluster.ray.address, storage: cluster.storage } });
    const environment = { RAY_AUTH_TOKEN: cluster.ray.token };
    const first = await drift(['run', file, '--runs', runs], { environment });
    expect([first.exitCode, first.stderr]).toEqual([0, expect.stringContaining('models: 4 trained')]);
    expect(first.stdout).toMatch(/^insecure +misaligned/m);
    const asked = cluster.jobs.answered.length;
    const again = await drift(['run', file, '--runs', runs], { environment });
    expect([again.exitCode, again.stdout]).toEqual([0, first.stdout]);
    expect(cluster.jobs.answered.length).toBe(asked);
  });

  it('goes to no Ray without a token over a network, unless it is told to', async () => {
    const { file, runs } = await writePlan({ cluster: { ray: 'http://ray.invalid:8265', storage: '/nowhere' } });
    const refused = await drift(['run', file, '--runs', runs]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toMatch(/^error cluster-open: .*ray\.invalid/);
    expect(refused.stderr).toContain('--insecure-ray');
    const told = await drift(['run', file, '--runs', runs, '--insecure-ray']);
    expect([told.exitCode, told.stderr]).toEqual([5, expect.stringContaining('error cluster-unreachable')]);
  });
});
