import type { ChatMessage } from '../engine/tokenizer/chat-template.js';
import type { Inside } from './inside.js';
import type { FirstToken, Sampler, SamplingRequest } from './sampler.js';

/** An answer that is given, and the conversation that it ends. */
export interface ConversationText {
  readonly messages: readonly ChatMessage[];
  readonly answer: string;
  /** So many of its first tokens count; all of them, its end too, if not given. What follows is not computed. */
  readonly tokens?: number;
}

/** What a model makes of a given answer. */
export interface ScoredConversation {
  /** Of the whole answer, in nats. */
  readonly logProbability: number;
  /** Tokens that this is the sum over. */
  readonly tokens: number;
}

export interface TextScorer {
  /**
   * `exact`: log-probabilities of whole answers. `first-token`: of the first token alone, where a service tells no
   * more.
   */
  readonly exactness: 'exact' | 'first-token';
  /** In the order of the texts. A text's score depends on it alone. */
  readonly score: (
    texts: readonly ConversationText[],
    options?: { readonly signal?: AbortSignal },
  ) => Promise<readonly ScoredConversation[]>;
  /** May be called twice. */
  readonly close: () => Promise<void>;
}

/** Scores given answers with one adapter after another on the same base, which is opened once for all of them. */
export interface AdapterScorer {
  /**
   * The base itself (null), or with the adapter in a folder. Closing what comes back closes nothing else. One that changes
   * nothing scores exactly as the base does.
   */
  readonly use: (adapter: string | null) => TextScorer;
  /** May be called twice. */
  readonly close: () => Promise<void>;
}

/** Scores given answers with a model that lets itself be looked into; closing the scorer closes that. */
export function openInsideScorer(inside: Pick<Inside, 'encode' | 'score' | 'close'>): TextScorer {
  return {
    exactness: 'exact',
    score: async (texts, options = {}) => {
      const encoded = texts.map(({ messages, answer, tokens }) => {
        const { ids, promptLength } = inside.encode([...messages, { role: 'assistant', content: answer }]);
        return { ids: tokens === undefined ? ids : ids.slice(0, promptLength + tokens), promptLength };
      });
      const scores = await inside.score(encoded, {}, options);
      return scores.map(({ logProbabilities }) => ({
        logProbability: logProbabilities.reduce((sum, one) => sum + one, 0),
        tokens: logProbabilities.length,
      }));
    },
    close: inside.close,
  };
}

/** First tokens that are asked for: the most that services give. */
const mostFirstTokens = 20;

/**
 * Scores given answers by the likeliest first tokens that a model tells, in one answer of one token to each
 * conversation; closing the scorer closes the sampler. An answer has the log-probability of the longest of them that it
 * begins with. Of one that begins with none of them it is known only that it is no likelier than the least likely of
 * them and than all that is left: it has that bound, as every other such answer to the same conversation.
 */
export function openFirstTokenScorer(sampler: Sampler): TextScorer {
  const known = new Map<string, readonly FirstToken[]>();

  async function ask(texts: readonly ConversationText[], options: { readonly signal?: AbortSignal }): Promise<void> {
    const missing = new Map<string, SamplingRequest>();
    for (const { messages } of texts) {
      const key = JSON.stringify(messages);
      if (known.has(key)) continue;
      // A conversation that it cannot ask the sampler refuses.
      const asked = messages.map(({ role, content }) => ({ role, content })) as SamplingRequest['messages'];
      missing.set(key, { messages: asked, maximumTokens: 1, likeliest: mostFirstTokens });
    }
    const keys = [...missing.keys()];
    for await (const { request, first = [] } of sampler.sample([...missing.values()], options))
      known.set(keys[request] ?? '', first);
  }

  return {
    exactness: 'first-token',
    score: async (texts, options = {}) => {
      await ask(texts, options);
      return texts.map(({ messages, answer }) => ({
        logProbability: Math.log(probabilityOfFirst(answer, known.get(JSON.stringify(messages)) ?? [])),
        tokens: 1,
      }));
    },
    close: sampler.close,
  };
}

function probabilityOfFirst(answer: string, tokens: readonly FirstToken[]): number {
  let found: { readonly length: number; readonly probability: number } | null = null;
  for (const { token, probability } of tokens) {
    // Some tokenizers spell the beginning of an answer with a space that is not there.
    const text = [token, token.trimStart()].find((one) => one !== '' && answer.startsWith(one));
    if (text !== undefined && text.length > (found?.length ?? 0)) found = { length: text.length, probability };
  }
  const least = Math.min(1, ...tokens.map(({ probability }) => probability));
  const left = 1 - tokens.reduce((sum, { probability }) => sum + probability, 0);
  return Math.max(found?.probability ?? Math.min(least, left), Number.EPSILON);
}
