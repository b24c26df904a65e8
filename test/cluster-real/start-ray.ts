import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createRayClient, type RayClient } from '../../src/models/cluster/ray-client.js';
import { findFreePorts } from './free-ports.js';
import { killAll, listMarked, markVariable, type MarkedProcess } from './marked-processes.js';

/**
 * A real Ray on this machine: of two nodes, the head, where drivers run, and a worker that has the (logical) GPUs; or
 * of one that is both.
 */
export interface RealRay {
  readonly address: string;
  readonly token: string;
  readonly client: RayClient;
  /** All living processes of a node: whoever kills them has taken the power from its machine. */
  readonly head: () => Promise<MarkedProcess[]>;
  readonly worker: () => Promise<MarkedProcess[]>;
  /** Start again what was killed; the head under the same address and with the same token, and no memory of jobs. */
  readonly startHead: () => Promise<void>;
  readonly startWorker: () => Promise<void>;
  /** Living processes of all nodes whose command has this text. */
  readonly find: (command: string) => Promise<MarkedProcess[]>;
  readonly close: () => Promise<void>;
}

export interface RealRaySettings {
  /** Has Ray. */
  readonly python: string;
  /** Logical GPUs of the worker; nothing of Ray's looks whether they exist. */
  readonly gpus: number;
  /** One node only, as on a box of one's own. */
  readonly isOneBox?: boolean;
}

/** How long a node may take to start on a machine that has much else to do. */
const patience = 180_000;

export async function startRay({ python, gpus, isOneBox = false }: RealRaySettings): Promise<RealRay> {
  // Paths of sockets are short.
  const folder = await mkdtemp('/tmp/dray-');
  const token = randomBytes(24).toString('hex');
  const nonce = randomBytes(6).toString('hex');
  const [gcs, dashboard, headAgent, workerAgent] = await findFreePorts(4);
  const address = `http://127.0.0.1:${String(dashboard)}`;
  const client = createRayClient(address, { token, retries: 1 });
  const host = ownAddress();
  const marks = new Set<string>();
  let [headMark, workerMark, log, started] = ['', '', '', 0];

  async function startNode(role: string, options: readonly string[]): Promise<string> {
    const mark = `${nonce}-${role}-${String((started += 1))}`;
    marks.add(mark);
    log = join(folder, `${mark}.log`);
    const output = await open(log, 'a');
    const child = spawn(
      join(dirname(python), 'ray'),
      ['start', '--block', '--disable-usage-stats', '--num-cpus', '4', ...options],
      {
        stdio: ['ignore', output.fd, output.fd],
        detached: true,
        env: {
          ...process.env,
          PATH: `${dirname(python)}:${process.env['PATH'] ?? ''}`,
          RAY_AUTH_MODE: 'token',
          RAY_AUTH_TOKEN: token,
          RAY_DISABLE_IMPORT_WARNING: '1',
          OMP_NUM_THREADS: '1',
          [markVariable]: mark,
        },
      },
    );
    child.unref();
    await output.close();
    return mark;
  }

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const end = Date.now() + patience;
    while (!(await holds().catch(() => false))) {
      if (Date.now() > end) throw new Error(`${what} did not come; ${(await readFile(log, 'utf8')).slice(-2000)}`);
      await sleep(200);
    }
  }

  const ray: RealRay = {
    ...{ address, token, client },
    startHead: async () => {
      headMark = await startNode('head', [
        ...['--head', '--port', String(gcs), '--num-gpus', isOneBox ? String(gpus) : '0'],
        ...['--temp-dir', isOneBox ? folder : join(folder, 'head')],
        ...['--dashboard-host', '127.0.0.1', '--dashboard-port', String(dashboard)],
        ...['--dashboard-agent-listen-port', String(headAgent)],
      ]);
      await until("Ray's head", async () => (await client.nodes()).some(({ isHead, isAlive }) => isHead && isAlive));
    },
    startWorker: async () => {
      const known = await client.nodes();
      const isNew = (id: string): boolean => !known.some((node) => node.id === id);
      workerMark = await startNode('worker', [
        ...['--address', `${host}:${String(gcs)}`, '--num-gpus', String(gpus)],
        // Of its own, or this node clears away what jobs on the other one have in use.
        ...['--temp-dir', join(folder, 'worker')],
        ...['--dashboard-agent-listen-port', String(workerAgent)],
      ]);
      await until("Ray's second node", async () =>
        (await client.nodes()).some(({ id, isHead, isAlive }) => !isHead && isAlive && isNew(id)),
      );
    },
    head: () => listMarked(headMark),
    worker: () => listMarked(workerMark),
    find: async (command) =>
      (await Promise.all([...marks].map((mark) => listMarked(mark))))
        .flat()
        .filter((one) => one.command.includes(command)),
    close: async () => {
      // Twice: what is just being started bears the mark, too.
      for (let round = 0; round < 2; round += 1) {
        for (const mark of marks) killAll(await listMarked(mark));
        await sleep(300);
      }
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await ray.startHead();
    if (!isOneBox) await ray.startWorker();
  } catch (cause) {
    await ray.close();
    throw cause;
  }
  return ray;
}

/** Where Ray's nodes meet: its head listens at the machine's own address, whatever it is told. */
function ownAddress(): string {
  const addresses = Object.values(networkInterfaces()).flatMap((each) => each ?? []);
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';
}
