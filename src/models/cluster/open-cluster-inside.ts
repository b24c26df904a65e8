import { z } from 'zod';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import type { Interventions } from '../../engine/sample/decode-runner.js';
import type { KeyValueOverride } from '../../engine/sample/key-value-override.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import {
  encodeInsideText,
  locateInsideTemplate,
  requireKeysAndValues,
  requireQuestions,
  requireResiduals,
  requireScores,
} from '../embedded/inside-requests.js';
import type { Inside } from '../inside.js';
import { samplerClosed, samplerStopped } from '../sampler.js';
import { lookInside, type LookedIntoModel, type RequestLine } from './look-inside.js';
import { takeLine, takeTensor, type FoundInside } from './read-found-inside.js';

const answerSchema = z.looseObject({
  text: z.string(),
  ids: z.array(z.int().nonnegative()),
  finish: z.enum(['stop', 'length']),
});
const scoreSchema = z.looseObject({
  log_probabilities: z.array(z.number()),
  top: z.array(z.array(z.tuple([z.int().nonnegative(), z.number()]))).default([]),
});

/**
 * Looks into a model on a cluster: each call is a job, called by the hash of all that it is asked, so that whoever asks
 * the same again in a run finds what was found. transformers computes it there.
 */
export async function openClusterInside(asked: LookedIntoModel): Promise<Inside> {
  const [tokenizer, { config }] = await Promise.all([
    readTokenizer(asked.model.folder),
    readDecoderConfig(asked.model.folder),
  ]);
  let closed = false;
  const begin = (signal: AbortSignal | undefined): void => {
    if (closed) throw samplerClosed();
    if (signal?.aborted === true) throw samplerStopped();
  };

  /** Looks, unless there is nothing to look at, and reads what was found for each request. */
  async function lookAt<Result>(
    requests: readonly RequestLine[],
    signal: AbortSignal | undefined,
    read: (found: FoundInside, id: string) => Result,
  ): Promise<Result[]> {
    if (requests.length === 0) return [];
    try {
      const found = await lookInside(asked, requests, signal);
      return requests.map((_, number) => read(found, String(number)));
    } catch (cause) {
      // The job goes on, and is found again.
      throw signal?.aborted === true ? samplerStopped() : cause;
    }
  }

  return {
    shape: {
      ...{ blocks: config.layers, width: config.width },
      ...{ vocabulary: config.vocabulary, context: config.context },
    },
    acceptsOverrides: false,
    encode: (messages) => encodeInsideText(tokenizer, messages),
    locateTemplate: (messages) => locateInsideTemplate(tokenizer, messages),
    residuals: async (texts, { layers, pool }, { signal } = {}) => {
      begin(signal);
      requireResiduals(config, texts, { layers, pool });
      return lookAt(
        texts.map(({ ids, promptLength }) => ({
          do: 'residuals',
          ids: [...ids],
          prompt: promptLength,
          layers: [...layers],
          pool,
        })),
        signal,
        (found, id) =>
          takeTensor(
            found,
            `${id}.residuals`,
            (tokens) => (pool === 'every' ? [layers.length, tokens, config.width] : [layers.length, config.width]),
            texts[Number(id)]?.ids.length ?? 0,
          ),
      );
    },
    keysAndValues: async (texts, { layers }, { signal } = {}) => {
      begin(signal);
      requireKeysAndValues(config, texts, { layers });
      const shapeOf = (tokens: number): number[] => [layers.length, config.keyValueHeads, tokens, config.headWidth];
      return lookAt(
        texts.map(({ ids }) => ({ do: 'keys-values', ids: [...ids], layers: [...layers] })),
        signal,
        (found, id) => {
          const tokens = texts[Number(id)]?.ids.length ?? 0;
          return {
            keys: takeTensor(found, `${id}.keys`, shapeOf, tokens),
            values: takeTensor(found, `${id}.values`, shapeOf, tokens),
          };
        },
      );
    },
    answer: async (questions, interventions = {}, { signal } = {}) => {
      begin(signal);
      const asked = requireQuestions(config, questions, interventions);
      refuseOverrides(asked);
      return lookAt(
        asked.map(({ prompt, seed, temperature, topP, maximumTokens }) => ({
          ...{ do: 'answer', prompt: [...prompt], seed, temperature, top_p: topP, max_tokens: maximumTokens },
          ...{ stop: [...config.endTokenIds], interventions: describeInterventions(interventions) },
        })),
        signal,
        (found, id) => {
          const { text, ids, finish } = takeLine(found, id, answerSchema);
          return { text, ids, finishReason: finish };
        },
      );
    },
    score: async (texts, wanted = {}, { signal } = {}) => {
      begin(signal);
      const top = requireScores(config, texts, wanted);
      refuseOverrides(texts);
      return lookAt(
        texts.map(({ ids, promptLength }) => ({ do: 'score', ids: [...ids], prompt: promptLength, top })),
        signal,
        (found, id) => {
          const line = takeLine(found, id, scoreSchema);
          return {
            logProbabilities: line.log_probabilities,
            top: line.top.map((likely) => likely.map(([token, logProbability]) => ({ id: token, logProbability }))),
          };
        },
      );
    },
    // Its jobs have no request for it yet.
    readOut: null,
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}

/** Its jobs send no tensors there, and what they ask of transformers attends to its own keys and values. */
function refuseOverrides(asked: readonly { readonly override?: KeyValueOverride | undefined }[]): void {
  const place = asked.findIndex(({ override }) => (override?.positions.length ?? 0) > 0);
  if (place < 0) return;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `Request ${String(place)} gives keys and values in place of the model's own, which a model on a cluster cannot attend to`,
    hint: 'Ask a model folder on this machine, or leave the override out.',
    details: { request: place },
  });
}

/** As the job reads them: vectors by layers, in layers' order. */
function describeInterventions({ add, remove, from = 'prompt' }: Interventions): RequestLine {
  const write = (vectors: Interventions['add']): Record<string, number[]> =>
    Object.fromEntries([...(vectors ?? [])].map(([layer, vector]) => [String(layer), [...vector]]));
  return { add: write(add), remove: write(remove), from };
}
