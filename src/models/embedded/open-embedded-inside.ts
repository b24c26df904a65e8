import { createKeyValueReader } from '../../engine/activations/read-keys-values.js';
import { createReadOut } from '../../engine/activations/read-out.js';
import { createResidualReader } from '../../engine/activations/read-residuals.js';
import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import { mergeAdapter } from '../../engine/checkpoint/merge-adapter.js';
import { readAdapter } from '../../engine/checkpoint/read-adapter.js';
import { readCheckpoint } from '../../engine/checkpoint/read-checkpoint.js';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import type { Interventions } from '../../engine/sample/decode-runner.js';
import { topTokens } from '../../engine/sample/pick-token.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { checkTokenizerFits } from '../../engine/tokenizer/text-tokenizer.js';
import { createTokenTexts } from '../../engine/tokenizer/token-text.js';
import { openSampler, type EngineSampler } from '../../engine/worker/open-sampler.js';
import type { Inside, InsideAnswer, TextScore } from '../inside.js';
import { samplerClosed, samplerStopped } from '../sampler.js';
import {
  encodeInsideText,
  locateInsideTemplate,
  requireKeysAndValues,
  requireQuestions,
  requireReadOut,
  requireResiduals,
  requireScores,
} from './inside-requests.js';

export interface EmbeddedInsideSettings {
  /** A model folder. */
  readonly model: string;
  /** An adapter on it, merged into its weights. */
  readonly adapter?: string;
  readonly threads: number;
  /** The chat template that it is asked in, where that is not its own. */
  readonly chatTemplate?: string;
}

/** The layers that a sampler was opened to change. */
interface EditedLayers {
  readonly add: ReadonlySet<number>;
  readonly remove: ReadonlySet<number>;
}

/** Looks into a model folder with the engine, in this process. Weights are read when they are first needed. */
export async function openEmbeddedInside({
  model,
  adapter,
  threads,
  chatTemplate,
}: EmbeddedInsideSettings): Promise<Inside> {
  const tokenizer = await readTokenizer(model, chatTemplate === undefined ? {} : { chatTemplate });
  const { config } = await readDecoderConfig(model);
  checkTokenizerFits(tokenizer, config.vocabulary);
  let closed = false;
  let weights: Promise<ReadonlyMap<string, FloatTensor>> | null = null;
  let sampler: { readonly layers: EditedLayers; readonly opened: Promise<EngineSampler> } | null = null;

  async function readWeights(): Promise<ReadonlyMap<string, FloatTensor>> {
    const { weights: own } = await readCheckpoint(model);
    return adapter === undefined ? own : mergeAdapter(own, await readAdapter(adapter, config));
  }

  /** A sampler that can change these layers. One that cannot is replaced by one that can change those, too. */
  function openFor({ add, remove }: Interventions): Promise<EngineSampler> {
    const join = (known: ReadonlySet<number> | undefined, wanted: Interventions['add']): ReadonlySet<number> =>
      new Set([...(known ?? []), ...(wanted?.keys() ?? [])]);
    const layers = { add: join(sampler?.layers.add, add), remove: join(sampler?.layers.remove, remove) };
    const isEnough = layers.add.size === sampler?.layers.add.size && layers.remove.size === sampler.layers.remove.size;
    if (sampler !== null && isEnough) return sampler.opened;
    const before = sampler?.opened ?? null;
    const nothing = (of: ReadonlySet<number>): Map<number, Float32Array> =>
      new Map([...of].map((layer) => [layer, new Float32Array(config.width)]));
    const opened = (async () => {
      await (await before)?.close();
      return openSampler({
        ...{ model, threads, interventions: { add: nothing(layers.add), remove: nothing(layers.remove) } },
        ...(adapter === undefined ? {} : { adapter }),
      });
    })();
    sampler = { layers, opened };
    return opened;
  }

  const begin = (signal: AbortSignal | undefined): void => {
    if (closed) throw samplerClosed();
    if (signal?.aborted === true) throw samplerStopped();
  };

  /** Reads texts one after the other with a reader that is opened for them. */
  async function readEach<Text, Result>(
    texts: readonly Text[],
    signal: AbortSignal | undefined,
    open: (
      weights: ReadonlyMap<string, FloatTensor>,
    ) => Promise<{ readonly read: (text: Text) => Promise<Result>; readonly release: () => Promise<void> }>,
  ): Promise<Result[]> {
    if (texts.length === 0) return [];
    const reader = await open(await (weights ??= readWeights()));
    try {
      const found: Result[] = [];
      for (const text of texts) {
        begin(signal);
        found.push(await reader.read(text));
      }
      return found;
    } finally {
      await reader.release();
    }
  }

  return {
    shape: {
      ...{ blocks: config.layers, width: config.width },
      ...{ vocabulary: config.vocabulary, context: config.context },
    },
    acceptsOverrides: true,
    encode: (messages) => encodeInsideText(tokenizer, messages),
    locateTemplate: (messages) => locateInsideTemplate(tokenizer, messages),
    residuals: async (texts, { layers, pool }, { signal } = {}) => {
      begin(signal);
      requireResiduals(config, texts, { layers, pool });
      return readEach(texts, signal, async (read) => {
        const reader = await createResidualReader({ config, weights: read, layers, threads });
        return {
          read: async (text: (typeof texts)[number]) => stack(await reader.read(text, pool)),
          release: reader.release,
        };
      });
    },
    keysAndValues: async (texts, { layers }, { signal } = {}) => {
      begin(signal);
      requireKeysAndValues(config, texts, { layers });
      return readEach(texts, signal, async (read) => {
        const reader = await createKeyValueReader({ config, weights: read, layers, threads });
        return { read: ({ ids }: (typeof texts)[number]) => reader.read(ids), release: reader.release };
      });
    },
    answer: async (questions, interventions = {}, { signal } = {}) => {
      begin(signal);
      const requests = requireQuestions(config, questions, interventions);
      if (requests.length === 0) return [];
      const engine = await openFor(interventions);
      const answers = new Map<number, InsideAnswer>();
      const options = { interventions, ...(signal === undefined ? {} : { signal }) };
      for await (const { request, ids, finishReason } of engine.sample(requests, options))
        answers.set(request, { text: tokenizer.decode(ids, { skipSpecialTokens: true }), ids, finishReason });
      return inOrder(answers, requests.length);
    },
    score: async (texts, wanted = {}, { signal } = {}) => {
      begin(signal);
      const top = requireScores(config, texts, wanted);
      if (texts.length === 0) return [];
      const engine = await openFor({});
      const requests = texts.map(({ ids, override }) => ({
        ...{ prompt: [...ids] as [number, ...number[]], seed: 0, maximumTokens: 1 },
        ...{ promptLogProbabilities: true, topLogProbabilities: top, override },
      }));
      const scores = new Map<number, TextScore>();
      for await (const { request, promptLogProbabilities } of engine.sample(
        requests,
        signal === undefined ? {} : { signal },
      )) {
        // The first token has none.
        const own = promptLogProbabilities?.slice((texts[request]?.promptLength ?? 1) - 1) ?? [];
        scores.set(request, {
          logProbabilities: own.map(({ logProbability }) => logProbability),
          top: top === 0 ? [] : own.map((token) => token.top),
        });
      }
      return inOrder(scores, texts.length);
    },
    readOut: async (vectors, wanted, { signal } = {}) => {
      begin(signal);
      requireReadOut(config, vectors, wanted);
      if (vectors.length === 0) return [];
      const reader = await createReadOut({ config, weights: await (weights ??= readWeights()), threads });
      try {
        const tokenText = createTokenTexts(tokenizer);
        return (await reader.read(vectors)).map((found) =>
          topTokens(found, wanted.top).map((token) => ({ ...token, text: tokenText(token.id).token })),
        );
      } finally {
        await reader.release();
      }
    },
    close: async () => {
      if (closed) return;
      closed = true;
      weights = null;
      await (await sampler?.opened)?.close();
    },
  };
}

/** Tensors of one shape as one, with a first axis for them. */
function stack(tensors: readonly FloatTensor[]): FloatTensor {
  const [first] = tensors;
  const size = first?.data.length ?? 0;
  const data = new Float32Array(tensors.length * size);
  for (const [place, tensor] of tensors.entries()) data.set(tensor.data, place * size);
  return { shape: [tensors.length, ...(first?.shape ?? [])], data };
}

function inOrder<Result>(found: ReadonlyMap<number, Result>, count: number): Result[] {
  return Array.from({ length: count }, (_, place) => {
    const one = found.get(place);
    if (one === undefined) throw new Error(`request ${String(place)} was not answered`);
    return one;
  });
}
