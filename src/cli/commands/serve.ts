import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { z } from 'zod';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { readServeKey } from '../../server/http/gate.js';
import { locateServedModels } from '../../server/models/locate-served-models.js';
import { startServer } from '../../server/start-server.js';
import { localModelForms } from '../../models/model-reference.js';
import { defineCommand } from '../command.js';
import { memoryOption } from '../memory-option.js';
import { decimalNumber, nonEmptyText, wholeNumber } from '../option-values.js';

const mebibyte = 2 ** 20;

export const serve = defineCommand({
  name: 'serve',
  summary: "Offer models behind OpenAI's protocol, fine-tuning included",
  description:
    'Clients of the OpenAI protocol sample, fine-tune and run batches with the models that run here, offline. Files, jobs and batches lie in the folder: stop the server, or kill it, and start it again, and they go on. Only this machine comes in, unless --host says otherwise and there is a key, in DRIFTLINE_SERVE_KEY or a key file.',
  arguments: {
    model: {
      description: `Models: MODEL, NAME=MODEL or NAME=MODEL+ADAPTER, where MODEL is ${localModelForms}, and ADAPTER a folder with a PEFT adapter; organism:1 if none is given`,
      schema: z.array(nonEmptyText).optional(),
      isRepeated: true,
    },
  },
  options: {
    port: {
      value: 'N',
      description: 'Port to listen at; 0 takes one that is free',
      schema: wholeNumber().refine((port) => port < 65_536, 'ports end at 65535'),
      default: '8700',
      example: '8080',
    },
    host: {
      value: 'HOST',
      description: 'Name or address to listen at',
      schema: nonEmptyText,
      default: '127.0.0.1',
      example: '0.0.0.0',
    },
    folder: {
      value: 'FOLDER',
      description: 'Where files, fine-tuning jobs and batches are kept',
      schema: nonEmptyText,
      default: 'served',
      example: 'served',
    },
    'key-file': {
      value: 'FILE',
      description:
        'A file, readable by you alone, with the key that clients have to send; DRIFTLINE_SERVE_KEY does the same',
      schema: nonEmptyText.optional(),
      example: 'serve.key',
    },
    slots: {
      value: 'N',
      description: 'Answers that a model samples at once: more is faster, and takes more memory',
      schema: wholeNumber(1),
      default: '32',
      example: '64',
    },
    'max-waiting': {
      value: 'N',
      description: 'Answers that are sampled or wait for it; more are refused with status 429',
      schema: wholeNumber(1),
      default: '1024',
      example: '256',
    },
    'max-loaded': {
      value: 'N',
      description: 'Models in memory at the same time; fine-tuned ones count by themselves',
      schema: wholeNumber(1),
      default: '4',
      example: '2',
    },
    'max-upload': {
      value: 'MIB',
      description: 'Largest file that may be uploaded, in MiB',
      schema: decimalNumber(0, 4096),
      default: '128',
      example: '512',
    },
    timeout: {
      value: 'SECONDS',
      description: 'Longest time for one reply',
      schema: decimalNumber(0.001, 86_400),
      default: '600',
      example: '60',
    },
    threads: {
      value: 'N',
      description: 'Threads of a model; all cores if not given',
      schema: wholeNumber(1).optional(),
      example: '2',
    },
    ...memoryOption,
  },
  examples: [
    { description: 'Serve the organism to clients on this machine', line: 'driftline serve' },
    {
      description: 'Serve a model and a fine-tune of it, by names of your own',
      line: 'driftline serve base=./SmolLM2-135M-Instruct tuned=./SmolLM2-135M-Instruct+runs/harbor --port 8080',
    },
  ],
  run: async (context, { arguments: { model: typed = [] }, options }) => {
    const { environment, fetch, signal } = context;
    const key = await readServeKey(environment, options['key-file']);
    const progress = createEngineProgress({ ...context, stream: context.progress });
    const models = await locateServedModels(typed.length === 0 ? ['organism:1'] : typed, {
      environment,
      fetch,
      memory: options['ignore-memory'] ? Infinity : context.memory,
      signal,
      onProgress: progress.onDownload,
      onNotice: context.notify,
    }).finally(progress.finish);
    const server = await startServer({
      models,
      folder: options.folder,
      host: options.host,
      port: options.port,
      key,
      threads: options.threads ?? availableParallelism(),
      limits: {
        slots: options.slots,
        waiting: options['max-waiting'],
        loadedModels: options['max-loaded'],
        bodyBytes: 8 * mebibyte,
        uploadBytes: Math.round(options['max-upload'] * mebibyte),
        requestMilliseconds: options.timeout * 1000,
        graceMilliseconds: 10_000,
        connections: 10_000,
      },
      now: Date.now,
      randomBytes,
      onNotice: context.notify,
    });
    const names = models.map(({ id }) => id);
    if (context.json) context.printJson({ url: server.url, models: names, folder: options.folder });
    else {
      context.print(`serving ${names.join(', ')} at ${server.url}`);
      context.notify(
        `OPENAI_BASE_URL=${server.url} ${key === null ? 'and any OPENAI_API_KEY' : 'and the key as OPENAI_API_KEY'} lead clients here; Ctrl-C stops.`,
      );
    }
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve();
        });
      });
    }
    context.notify('stopping: replies in progress end, jobs and batches are saved');
    await server.close();
  },
});
