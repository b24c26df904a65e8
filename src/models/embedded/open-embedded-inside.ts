import { setImmediate } from 'node:timers/promises';
import { createKeyValueReader, type KeyValueReader } from '../../engine/activations/read-keys-values.js';
import { createReadOut } from '../../engine/activations/read-out.js';
import { createResidualReader, type ResidualReader } from '../../engine/activations/read-residuals.js';
import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import { mergeAdapter } from '../../engine/checkpoint/merge-adapter.js';
import { readAdapter } from '../../engine/checkpoint/read-adapter.js';
import { readCheckpoint } from '../../engine/checkpoint/read-checkpoint.js';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import type { Interventions } from '../../engine/sample/decode-runner.js';
import { topTokens } from '../../engine/sample/pick-token.js';
import { createTextScorer, type EngineTextScorer } from '../../engine/sample/score-texts.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { checkTokenizerFits } from '../../engine/tokenizer/text-tokenizer.js';
import { createTokenTexts } from '../../engine/tokenizer/token-text.js';
import { openSampler, type EngineSampler } from '../../engine/worker/open-sampler.js';
import type { Inside, InsideAnswer, InsideText } from '../inside.js';
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
import { keepCompiled } from './keep-compiled.js';

export interface EmbeddedInsideSettings {
  /** A model folder. */
  readonly model: string;
  /** An adapter on it, merged into its weights. */
  readonly adapter?: string;
  readonly threads: number;
  /** What others of the same base and template have encoded: detectors ask the same of each fine-tune, and encoding takes as long as scoring. */
  readonly encoded?: Map<string, InsideText>;
  /** The chat template that it is asked in, where that is not its own. */
  readonly chatTemplate?: string;
}

/** Most texts that are kept as ids. */
const mostEncoded = 20_000;

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
  encoded = new Map(),
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

  const kept = {
    residuals: keepCompiled<ResidualReader>(),
    keysAndValues: keepCompiled<KeyValueReader>(),
    scores: keepCompiled<EngineTextScorer>(),
  };
  const settings = async () => ({ config, weights: await (weights ??= readWeights()), threads });

  /** Reads texts one after the other. */
  async function readEach<Text, Result>(
    texts: readonly Text[],
    signal: AbortSignal | undefined,
    read: (text: Text) => Promise<Result>,
  ): Promise<Result[]> {
    const found: Result[] = [];
    for (const text of texts) {
      begin(signal);
      found.push(await read(text));
    }
    return found;
  }

  return {
    shape: {
      ...{ blocks: config.layers, width: config.width },
      ...{ vocabulary: config.vocabulary, context: config.context },
    },
    acceptsOverrides: true,
    encode: (messages) => {
      const key = JSON.stringify(messages);
      const known = encoded.get(key) ?? encodeInsideText(tokenizer, messages);
      if (encoded.size >= mostEncoded) encoded.clear();
      encoded.set(key, known);
      return known;
    },
    locateTemplate: (messages) => locateInsideTemplate(tokenizer, messages),
    residuals: async (texts, { layers, pool }, { signal } = {}) => {
      begin(signal);
      requireResiduals(config, texts, { layers, pool });
      if (texts.length === 0) return [];
      return kept.residuals.use(
        layers.join(),
        async () => createResidualReader({ ...(await settings()), layers }),
        (reader) => readEach(texts, signal, async (text) => stack(await reader.read(text, pool))),
      );
    },
    keysAndValues: async (texts, { layers }, { signal } = {}) => {
      begin(signal);
      requireKeysAndValues(config, texts, { layers });
      if (texts.length === 0) return [];
      return kept.keysAndValues.use(
        layers.join(),
        async () => createKeyValueReader({ ...(await settings()), layers }),
        (reader) => readEach(texts, signal, ({ ids }) => reader.read(ids)),
      );
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
      const onRun = async (): Promise<void> => {
        // Lets signals in: a run of the graph blocks this thread.
        await setImmediate();
        begin(signal);
      };
      const scores = await kept.scores.use(
        '',
        async () => createTextScorer(await settings()),
        (scorer) => scorer.score(texts, { top, onRun }),
      );
      return scores.map((tokens) => ({
        logProbabilities: tokens.map(({ logProbability }) => logProbability),
        top: top === 0 ? [] : tokens.map((token) => token.top),
      }));
    },
    readOut: async (vectors, wanted, { signal } = {}) => {
      begin(signal);
      requireReadOut(config, vectors, wanted);
      if (vectors.length === 0) return [];
      const reader = await createReadOut(await settings());
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
      for (const { release } of Object.values(kept)) await release();
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
