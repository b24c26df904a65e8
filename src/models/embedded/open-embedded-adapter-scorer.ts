import type { LoraSettings } from '../../engine/checkpoint/adapter.js';
import { readAdapter } from '../../engine/checkpoint/read-adapter.js';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { readCheckpoint } from '../../engine/checkpoint/read-checkpoint.js';
import { projections } from '../../engine/checkpoint/projection.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { checkTokenizerFits } from '../../engine/tokenizer/text-tokenizer.js';
import { openRowLosses, type RowLosses } from '../../engine/train/row-losses.js';
import { initialiseAdapter } from '../../engine/train/start-training.js';
import { adapterFromParameters } from '../../engine/train/trained-parameters.js';
import { hashJson } from '../../foundation/content-hash.js';
import { samplerClosed } from '../sampler.js';
import type { AdapterScorer, ConversationText, ScoredConversation } from '../text-scorer.js';
import { encodeInsideText } from './inside-requests.js';
import { keepCompiled } from './keep-compiled.js';
import { requireMemoryForWeights } from './size-embedded-work.js';

export interface AdapterScorerSettings {
  /** A model folder. */
  readonly model: string;
  readonly threads: number;
  /** The chat template that it is asked in, where that is not its own. */
  readonly chatTemplate?: string;
  /** Available memory in bytes: larger weights are refused before they are read. Default unlimited. */
  readonly memory?: number;
}

/**
 * Scores with one compiled graph, which adapters are fed to: opening each of them would merge it and compile anew, which takes longer than a
 * short list of texts. An adapter of other settings, such as another rank, has the graph compiled again.
 */
export async function openEmbeddedAdapterScorer({
  model,
  threads,
  chatTemplate,
  memory = Infinity,
}: AdapterScorerSettings): Promise<AdapterScorer> {
  requireMemoryForWeights(model, (await readDecoderConfig(model)).config, memory);
  const tokenizer = await readTokenizer(model, chatTemplate === undefined ? {} : { chatTemplate });
  const base = await readCheckpoint(model);
  const { config } = base;
  checkTokenizerFits(tokenizer, config.vocabulary);
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const smallest: LoraSettings = { rank: 1, alpha: 1, rslora: false, targets: [projections[0]], layers };
  const kept = keepCompiled<RowLosses>();
  let recent: LoraSettings | null = null;
  let isClosed = false;

  function requireOpen(): void {
    if (isClosed) throw samplerClosed();
  }

  /** With the adapter that changes nothing, in the settings of whichever came last. */
  async function openAdapter(folder: string | null) {
    if (folder !== null) return readAdapter(folder, config);
    const trained = { method: 'lora', ...(recent ?? smallest) } as const;
    return adapterFromParameters(trained, initialiseAdapter(config, trained, 0));
  }

  function encode({ messages, answer, tokens }: ConversationText) {
    const { ids, promptLength } = encodeInsideText(tokenizer, [...messages, { role: 'assistant', content: answer }]);
    const kept = tokens === undefined ? ids : ids.slice(0, promptLength + tokens);
    return { ids: [...kept], weights: kept.map((_, place) => Number(place >= promptLength)) };
  }

  async function score(
    adapter: string | null,
    texts: readonly ConversationText[],
    options: { readonly signal?: AbortSignal },
  ): Promise<ScoredConversation[]> {
    requireOpen();
    if (texts.length === 0) return [];
    const opened = await openAdapter(adapter);
    // It may have been closed meanwhile.
    requireOpen();
    const { settings } = opened;
    recent = settings;
    const found = await kept.use(
      hashJson(settings),
      () => openRowLosses({ base, adapter: settings, threads }),
      (losses) => losses.read(opened, texts.map(encode), options),
    );
    return found.map(({ loss, weight }) => ({ logProbability: -loss * weight, tokens: weight }));
  }

  return {
    use: (adapter) => ({
      exactness: 'exact',
      score: (texts, options = {}) => score(adapter, texts, options),
      close: () => Promise.resolve(),
    }),
    close: () => {
      isClosed = true;
      return kept.release();
    },
  };
}
