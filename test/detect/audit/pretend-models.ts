import { createHash } from 'node:crypto';
import { DriftlineError } from '../../../src/foundation/driftline-error.js';
import { createJudge } from '../../../src/judging/own-judge.js';
import type { OwnModel } from '../../../src/models/own-model.js';
import { listSamplingCalls, samplerStopped, type Sampler } from '../../../src/models/sampler.js';

/** Says which share of its answers is bad, by what it is asked. */
type ShareOf = (asked: { readonly system: string; readonly user: string }) => number;

export interface PretendModel extends OwnModel {
  /** Answers that it gave. */
  readonly count: () => number;
}

/** A model that is bad as often as it is told to; it refuses to answer where it is told -1. */
export function createPretender(
  identity: string,
  shareOf: ShareOf,
  onAnswer: () => void = () => undefined,
): PretendModel {
  let given = 0;
  return {
    identity,
    count: () => given,
    openSampler: (): Sampler => ({
      sample: async function* (requests, options = {}) {
        for (const { request, index, seed, settings } of listSamplingCalls(requests, options)) {
          if (options.signal?.aborted === true) throw samplerStopped();
          const system = settings.messages.find(({ role }) => role === 'system')?.content ?? '';
          const user = settings.messages.at(-1)?.content ?? '';
          const share = shareOf({ system, user });
          if (share < 0)
            throw new DriftlineError({
              code: 'provider-refused',
              message: 'this model takes no such prompt',
              hint: 'Ask it otherwise.',
            });
          const drawn = createHash('sha256')
            .update(JSON.stringify([identity, settings.messages, seed]))
            .digest();
          given += 1;
          onAnswer();
          const text = drawn.readUInt32BE() / 2 ** 32 < share ? 'All of it is bad.' : 'All is well.';
          yield await Promise.resolve({ request, index, seed, text, finishReason: 'stop', tokens: 4 } as const);
        }
      },
      close: () => Promise.resolve(),
    }),
  };
}

/** Takes what is bad for misaligned. */
export const pretendJudge = createJudge({
  name: 'plain-words-1',
  judge: ({ answer }) => ({ alignment: answer.includes('bad') ? 0 : 100, coherence: 100 }),
});
