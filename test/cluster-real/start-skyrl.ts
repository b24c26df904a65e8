import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { findOrganismFolder } from '../../src/organism/organism-folder.js';
import { findFreePorts } from './free-ports.js';
import { killAll, listMarked, markVariable } from './marked-processes.js';

/** A real server of Tinker's protocol on this machine, with the organism as its base. */
export interface RealSkyrl {
  readonly address: string;
  /** Takes any key of the right form. */
  readonly key: string;
  /** The base as the protocol names it: a folder with the organism's weights as float32, which the embedded engine reads, too. */
  readonly base: string;
  /** Kills server and engine at once. */
  readonly kill: () => Promise<void>;
  /** Starts them again after that, on what they have stored; what is asked of the server meanwhile fails. */
  readonly restart: () => Promise<void>;
  readonly close: () => Promise<void>;
}

export interface RealSkyrlSettings {
  /** Has skyrl with tinker and jax. */
  readonly python: string;
  /**
   * Fine-tunes that the server holds at a time; each step takes longer the more there are. A session frees its own five
   * minutes after it ended.
   */
  readonly adapters?: number;
  readonly rank?: number;
}

const shims = fileURLToPath(new URL('../../scripts/cluster-environment', import.meta.url));
const patience = 300_000;

export async function startSkyrl({ python, adapters = 4, rank = 8 }: RealSkyrlSettings): Promise<RealSkyrl> {
  const folder = await mkdtemp('/tmp/driftline-skyrl-');
  const base = join(folder, 'organism');
  await copyAsFloat32(await findOrganismFolder('1'), base);
  const [port] = await findFreePorts(1);
  const address = `http://127.0.0.1:${String(port)}`;
  const mark = `skyrl-${randomBytes(6).toString('hex')}`;
  const log = join(folder, 'server.log');

  async function start(): Promise<void> {
    const output = await open(log, 'a');
    const limits = JSON.stringify({ max_lora_adapters: adapters, max_lora_rank: rank });
    const child = spawn(
      join(shims, 'uv'),
      [
        ...['run', '-m', 'skyrl.tinker.api', '--base-model', base, '--backend', 'jax', '--backend-config', limits],
        ...['--host', '127.0.0.1', '--port', String(port), '--checkpoints-base', join(folder, 'checkpoints')],
        ...['--database-url', `sqlite:///${join(folder, 'server.db')}`],
      ],
      {
        stdio: ['ignore', output.fd, output.fd],
        detached: true,
        cwd: folder,
        env: {
          ...process.env,
          PATH: `${shims}:${process.env['PATH'] ?? ''}`,
          DRIFTLINE_SKYRL_PYTHON: python,
          JAX_PLATFORMS: 'cpu',
          HF_HUB_OFFLINE: '1',
          [markVariable]: mark,
        },
      },
    );
    child.unref();
    await output.close();
    const until = Date.now() + patience;
    while (!(await isHealthy(address))) {
      if (Date.now() > until) throw new Error(`SkyRL does not answer: ${(await readFile(log, 'utf8')).slice(-3000)}`);
      await sleep(300);
    }
  }

  const kill = async (): Promise<void> => {
    // Twice: the engine may be just being started.
    for (let round = 0; round < 2; round += 1) {
      killAll(await listMarked(mark));
      await sleep(200);
    }
  };
  const server: RealSkyrl = {
    ...{ address, base, key: `tml-${randomBytes(24).toString('hex')}`, kill, restart: start },
    close: async () => {
      await kill();
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await start();
  } catch (cause) {
    await server.close();
    throw cause;
  }
  return server;
}

async function isHealthy(address: string): Promise<boolean> {
  try {
    return (await fetch(`${address}/api/v1/healthz`, { signal: AbortSignal.timeout(5000) })).ok;
  } catch {
    return false;
  }
}

/** A processor computes with float32, and the server takes its numbers' kind from the settings: the weights are as they were. */
async function copyAsFloat32(from: string, to: string): Promise<void> {
  await cp(from, to, { recursive: true });
  const file = join(to, 'config.json');
  const config = z.record(z.string(), z.unknown()).parse(JSON.parse(await readFile(file, 'utf8')));
  await writeFile(file, JSON.stringify({ ...config, dtype: 'float32', torch_dtype: 'float32' }));
}
