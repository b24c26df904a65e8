import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { writePlan } from '../../cli/write-plan.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { startLoopbackChatServer } from '../../models/loopback-chat-server.js';
import { killRun } from './kill-run.js';

describe('a run that is killed and started again', () => {
  it('comes to the same bytes, and trains and asks nothing twice', async () => {
    // `npm run kill-test` does it more often.
    const { kills, faults, answers, cells, ...twice } = await killRun({
      folder: await makeTemporaryFolder(),
      kills: 5,
      seed: 4,
    });
    expect(faults).toEqual([]);
    // Of each model, the base too, one evaluation is decided early, the same after every kill.
    expect(twice).toMatchObject({ askedTwice: 0, trainedTwice: 0, stoppedEarly: cells + 1 });
    expect(kills).toHaveLength(5);
    expect(cells).toBe(3);
    expect(answers).toBeGreaterThan(100);
  }, 240_000);

  it('comes to them with two cells at once, too', async () => {
    const { faults, ...twice } = await killRun({
      folder: await makeTemporaryFolder(),
      kills: 5,
      seed: 5,
      cellsAtOnce: 2,
    });
    expect(faults).toEqual([]);
    expect(twice).toMatchObject({ askedTwice: 0, trainedTwice: 0, cells: 3 });
  }, 240_000);

  it('asks a hosted model nothing to which the answer was stored', async () => {
    const server = await startLoopbackChatServer();
    onTestFinished(() => server.close());
    const { file, runs } = await writePlan({
      bases: ['openai:tiny'],
      conditions: {},
      evaluate: [{ suite: 'main', samples: 40 }],
    });
    const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));
    const run = async (killAfter: number | null): Promise<number | null> => {
      const begun = server.requests.length;
      const child = spawn(process.execPath, [main, 'run', file, '--runs', runs, '--json'], {
        stdio: 'ignore',
        env: { ...process.env, OPENAI_API_KEY: 'sk-test', OPENAI_BASE_URL: server.endpoint },
      });
      server.intercept = () =>
        killAfter !== null && server.requests.length - begun >= killAfter && child.kill('SIGKILL');
      await once(child, 'close');
      return child.exitCode;
    };
    const readSeeds = async (): Promise<number[]> => {
      const [name = ''] = await readdir(runs);
      const text = await readFile(join(runs, name, 'answers.jsonl'), 'utf8');
      return text
        .split('\n')
        .slice(0, -1)
        .map((line) => z.object({ seed: z.int() }).parse(JSON.parse(line)).seed);
    };
    const stream = createRandomStream(1, 'kill hosted run');
    for (let kill = 0; kill < 3; kill += 1) {
      // Some 64 calls are on their way at any time, and answers are stored by the 64.
      expect(await run(160 + stream.integer(50))).toBeNull();
      const stored = new Set(await readSeeds());
      expect(stored.size).toBeGreaterThan(64 * kill);
      server.requests.length = 0;
      expect(await run(1)).toBeNull();
      for (const { body } of server.requests) expect(stored.has(body.seed)).toBe(false);
    }
    const stored = await readSeeds();
    server.requests.length = 0;
    expect(await run(null)).toBe(0);
    const asked = server.requests.map(({ body }) => body.seed);
    // Each answer once, in one call or another.
    expect([...stored, ...asked].sort()).toEqual((await readSeeds()).sort());
    expect(new Set(asked).size).toBe(asked.length);
  }, 240_000);
});
