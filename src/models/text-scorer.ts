import type { ChatMessage } from '../engine/tokenizer/chat-template.js';
import type { Inside } from './inside.js';

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
