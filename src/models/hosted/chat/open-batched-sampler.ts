import { createHostedClient } from '../client/hosted-client.js';
import { openHostedConnection } from '../client/hosted-connection.js';
import { readHostedAnswer } from './hosted-first-tokens.js';
import { describeSamplingCall, type HostedSamplerSettings } from './open-hosted-sampler.js';
import { listSamplingCalls, samplerClosed, samplerStopped, type Sampler, type SamplingCall } from '../../sampler.js';
import { askInBatches } from '../batches/ask-in-batches.js';
import { nameBatchRequest, type HostedBatchRequest, type BatchSettings } from '../batches/batch-settings.js';
import { openBatchService } from '../batches/batch-service.js';

interface BatchedSamplerSettings extends HostedSamplerSettings {
  readonly batches: BatchSettings;
}

/** A model behind OpenAI's batches. Each answer is a request of its own, the same as that of a single call. */
export function openBatchedSampler({ model, batches, meter, ...settings }: BatchedSamplerSettings): Sampler {
  const hosted = createHostedClient(settings);
  const service = openBatchService(hosted, batches.clock);
  const { describe, service: spoken } = openHostedConnection(settings);
  let closed = false;

  return {
    sample: async function* (requests, options = {}) {
      if (closed) throw samplerClosed();
      const wanted = new Map<string, SamplingCall[]>();
      const lines: HostedBatchRequest[] = [];
      for (const one of listSamplingCalls(requests, options)) {
        const line = nameBatchRequest(describe(describeSamplingCall(model, one, spoken), one.settings.maximumTokens));
        const alike = wanted.get(line.id);
        if (alike === undefined) {
          wanted.set(line.id, [one]);
          lines.push(line);
        } else alike.push(one);
      }
      const signal = options.signal ?? new AbortController().signal;
      // It changes between two awaits, which a type does not know.
      const isStopped = (): boolean => signal.aborted;
      if (isStopped()) throw samplerStopped();
      const failures: unknown[] = [];
      try {
        const options = { ...batches, ...(meter === undefined ? {} : { meter }), model, signal };
        for await (const outcome of askInBatches(service, lines, options)) {
          if ('failure' in outcome) {
            // Answers are handed on first.
            failures.push(outcome.failure);
            continue;
          }
          for (const { request, index, seed, settings } of wanted.get(outcome.id) ?? [])
            yield { request, index, seed, ...readHostedAnswer(outcome.completion, model, settings, spoken) };
          if (isStopped()) throw samplerStopped();
        }
        if (failures.length > 0) throw failures[0];
      } catch (cause) {
        throw isStopped() ? samplerStopped() : hosted.explain(cause, model);
      }
    },
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}
