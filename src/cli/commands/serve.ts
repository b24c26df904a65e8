import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { readServeKey } from '../../server/http/gate.js';
import { locateServedModels } from '../../server/models/locate-served-models.js';
import { startServer } from '../../server/start-server.js';
import type { CommandAction } from '../command.js';
import type { serveDefinition } from '../definitions/serve.js';

const mebibyte = 2 ** 20;

export const serve: CommandAction<typeof serveDefinition> = {
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
        `Clients connect with OPENAI_BASE_URL=${server.url} and ${key === null ? 'any OPENAI_API_KEY' : 'the key as OPENAI_API_KEY'}; Ctrl-C stops.`,
      );
    }
    if (!signal.aborted) {
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          resolve();
        });
      });
    }
    context.notify('stopping: replies in progress are finished, jobs and batches are saved');
    await server.close();
  },
};
