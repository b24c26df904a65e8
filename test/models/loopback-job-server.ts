import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import { sendJson } from './loopback-chat-server.js';

const bodySchema = z.looseObject({
  model: z.string(),
  training_file: z.string(),
  suffix: z.string(),
  seed: z.int(),
  metadata: z.record(z.string(), z.string()),
  method: z.object({
    type: z.literal('supervised'),
    supervised: z.object({
      hyperparameters: z.strictObject({
        n_epochs: z.int(),
        batch_size: z.int(),
        learning_rate_multiplier: z.number().optional(),
      }),
    }),
  }),
});

export type LoopbackJob = z.output<typeof bodySchema>;

export interface LoopbackJobServer {
  /** For OPENAI_BASE_URL. */
  readonly endpoint: string;
  /** As they were asked for, oldest first. */
  readonly jobs: LoopbackJob[];
  /** Texts that were uploaded. */
  readonly files: Map<string, string>;
  /** Method and path of each request. */
  readonly requests: string[];
  /** Answers, or does not, in place of the server where it returns true. `act` does what is asked for and gives no answer. */
  intercept: (response: ServerResponse, request: IncomingMessage, act: () => void) => boolean;
  readonly close: () => void;
}

const pageSize = 2;

/**
 * A service that fine-tunes as OpenAI does: it takes `n_epochs`, `batch_size` and a multiplier and no recipe, jobs come
 * to an end after a few looks, lists have pages, newest first, and among the events are some without a step.
 */
export async function startLoopbackJobServer(): Promise<LoopbackJobServer> {
  const looks = new Map<string, number>();

  const rowsOf = ({ training_file: file }: LoopbackJob): number =>
    service.files.get(file)?.trim().split('\n').length ?? 0;
  const stepsOf = (job: LoopbackJob): readonly [perEpoch: number, all: number] => {
    const { n_epochs: epochs, batch_size: batch } = job.method.supervised.hyperparameters;
    const perEpoch = Math.ceil(rowsOf(job) / batch);
    return [perEpoch, perEpoch * epochs];
  };
  const statusOf = (id: string): string =>
    ['validating_files', 'queued', 'running', 'running'][looks.get(id) ?? 0] ?? 'succeeded';
  const nameOf = (job: LoopbackJob, id: string): string => `ft:${job.model}:org:${job.suffix}:${id}`;
  const describe = (job: LoopbackJob, id: string): object => ({
    object: 'fine_tuning.job',
    id,
    model: job.model,
    status: statusOf(id),
    fine_tuned_model: statusOf(id) === 'succeeded' ? nameOf(job, id) : null,
    user_provided_suffix: job.suffix,
    metadata: job.metadata,
    error: {},
  });
  const events = (job: LoopbackJob, id: string): { readonly id: string }[] => {
    const [, all] = stepsOf(job);
    const done = statusOf(id) === 'succeeded' ? all : Math.max(0, (looks.get(id) ?? 0) - 1);
    const told = Array.from({ length: Math.min(done, all) }, (_, step) => ({
      id: `ftevent-${id}-${String(step + 1)}`,
      type: 'metrics',
      created_at: 1_700_000_000 + step,
      data: { step: step + 1, train_loss: 2 / (step + 1), total_steps: all },
    }));
    return [{ id: `ftevent-${id}-0`, type: 'message', message: 'Created', data: null }, ...told].reverse();
  };
  const checkpoints = (job: LoopbackJob, id: string): { readonly id: string }[] => {
    const [perEpoch, all] = stepsOf(job);
    return [all, all - perEpoch, all - 2 * perEpoch]
      .filter((step) => step > 0)
      .map((step) => ({
        id: `ftckpt-${id}-${String(step)}`,
        step_number: step,
        fine_tuned_model_checkpoint: step === all ? nameOf(job, id) : `${nameOf(job, id)}:ckpt-step-${String(step)}`,
      }));
  };

  function act({ method = '', url = '' }: IncomingMessage, body: string): object | null {
    const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
    const page = (items: readonly { readonly id: string }[]): object => {
      const from = items.findIndex(({ id }) => id === searchParams.get('after')) + 1;
      return { object: 'list', data: items.slice(from, from + pageSize), has_more: from + pageSize < items.length };
    };
    const path = pathname.replace(/^\/v1/, '');
    if (path === '/models') return { object: 'list', data: [{ id: 'gpt-1', object: 'model', owned_by: 'system' }] };
    if (method === 'POST' && path === '/files') {
      const id = `file-${String(service.files.size + 1)}`;
      service.files.set(id, /\.jsonl"\r\n.*?\r\n\r\n(.*?)\r\n--/s.exec(body)?.[1] ?? '');
      return { id, object: 'file' };
    }
    if (path === '/fine_tuning/jobs' && method === 'POST') {
      const job = bodySchema.parse(JSON.parse(body));
      return describe(job, `ftjob-${String(service.jobs.push(job))}`);
    }
    const all = service.jobs.map((job, index) => ({ job, id: `ftjob-${String(index + 1)}` })).reverse();
    if (path === '/fine_tuning/jobs') return page(all.map(({ job, id }) => ({ ...describe(job, id), id })));
    const [, id, what] = /^\/fine_tuning\/jobs\/([^/]+)(\/\w+)?$/.exec(path) ?? [];
    const found = all.find((one) => one.id === id);
    if (found === undefined) return null;
    if (what === '/events') return page(events(found.job, found.id));
    if (what === '/checkpoints') return page(checkpoints(found.job, found.id));
    looks.set(found.id, (looks.get(found.id) ?? 0) + 1);
    return describe(found.job, found.id);
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      service.requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
      if (service.intercept(response, request, () => void act(request, body))) return;
      const answer = act(request, body);
      if (answer === null) sendJson(response, 404, { error: { message: 'not here' } });
      else sendJson(response, 200, answer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server that listens on a port has an address with a port.
  const { port } = server.address() as AddressInfo;
  const service: LoopbackJobServer = {
    endpoint: `http://127.0.0.1:${String(port)}/v1`,
    jobs: [],
    files: new Map(),
    requests: [],
    intercept: () => false,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
  return service;
}
