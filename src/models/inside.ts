import type { FloatTensor } from '../engine/checkpoint/float-tensor.js';
import type { KeysAndValues } from '../engine/activations/read-keys-values.js';
import type { ResidualPool } from '../engine/activations/read-residuals.js';
import type { Interventions } from '../engine/sample/decode-runner.js';
import type { KeyValueOverride } from '../engine/sample/key-value-override.js';
import type { ChatMessage } from '../engine/tokenizer/chat-template.js';
import type { TemplatePositions } from '../engine/tokenizer/locate-template.js';

/** A text as ids of tokens: a prompt, and what follows it. */
export interface InsideText {
  readonly ids: readonly number[];
  /** Tokens of the prompt; the rest is the answer. */
  readonly promptLength: number;
}

/** A text whose answer is scored. */
export interface ScoredText extends InsideText {
  /** Keys and values of another model, say, in place of the model's own at some tokens of the prompt. */
  readonly override?: KeyValueOverride;
}

export interface InsideQuestion {
  readonly prompt: readonly number[];
  readonly seed: number;
  /** Default 1; 0 takes the likeliest token. */
  readonly temperature?: number;
  /** Default 1. */
  readonly topP?: number;
  /** Default 256. */
  readonly maximumTokens?: number;
  /** Keys and values of another model, say, in place of the model's own at some tokens of the prompt. */
  readonly override?: KeyValueOverride;
}

export interface InsideAnswer {
  readonly text: string;
  /** Without the one that stopped it. */
  readonly ids: readonly number[];
  readonly finishReason: 'stop' | 'length';
}

/** A token that a model may go on with, and the natural logarithm of its probability before temperature and cuts. */
export interface LikelyToken {
  readonly id: number;
  readonly logProbability: number;
}

/** A likely token as the tokenizer spells it. */
export interface SpelledToken extends LikelyToken {
  readonly text: string;
}

/** What a model gives the tokens of an answer. */
export interface TextScore {
  /** One for each token after the prompt, in nats. */
  readonly logProbabilities: readonly number[];
  /** The likeliest at each of these places, likeliest first; empty unless asked for. */
  readonly top: readonly (readonly LikelyToken[])[];
}

/**
 * A model that lets itself be looked into, wherever it runs. Layer 0 of the residual stream is the embedding, layer n
 * the output of block n before the final norm; blocks of keys and values count from 0. Results stand in the order of
 * what was asked.
 */
export interface Inside {
  /** Blocks of the model, elements of its residual stream, ids that it knows, and tokens that it takes at most. */
  readonly shape: {
    readonly blocks: number;
    readonly width: number;
    readonly vocabulary: number;
    readonly context: number;
  };
  /** Whether it can attend to keys and values that an override gives. */
  readonly acceptsOverrides: boolean;
  /** A conversation as ids: what comes before its last answer is the prompt. Without one, all of it is, ready to be answered. */
  readonly encode: (messages: readonly ChatMessage[]) => InsideText;
  /** Which tokens of the prompt that `encode` makes of a conversation come of the chat template, not of what is said. */
  readonly locateTemplate: (messages: readonly ChatMessage[]) => TemplatePositions;
  /** For each text [layers, width] for a mean or the last token, [layers, tokens, width] for every token. */
  readonly residuals: (
    texts: readonly InsideText[],
    wanted: { readonly layers: readonly number[]; readonly pool: ResidualPool },
    options?: InsideOptions,
  ) => Promise<FloatTensor[]>;
  readonly keysAndValues: (
    texts: readonly Pick<InsideText, 'ids'>[],
    wanted: { readonly layers: readonly number[] },
    options?: InsideOptions,
  ) => Promise<KeysAndValues[]>;
  /**
   * Answers while directions are removed from the residual stream, or vectors added. An answer depends on its question
   * and these alone. Who cannot attend to what a question's override gives refuses it with `usage-invalid`.
   */
  readonly answer: (
    questions: readonly InsideQuestion[],
    interventions?: Interventions,
    options?: InsideOptions,
  ) => Promise<InsideAnswer[]>;
  /** Log-probabilities of answers that are given. `top`, up to 20, lists the likeliest at each place, too. Overrides are as in `answer`. */
  readonly score: (
    texts: readonly ScoredText[],
    wanted?: { readonly top?: number },
    options?: InsideOptions,
  ) => Promise<TextScore[]>;
  /**
   * What the final norm and the head make of vectors in place of the last residual stream: the likeliest tokens of each,
   * `top` of them, up to 100, likeliest first. Null where nobody can have that computed.
   */
  readonly readOut:
    | ((
        vectors: readonly Float32Array[],
        wanted: { readonly top: number },
        options?: InsideOptions,
      ) => Promise<SpelledToken[][]>)
    | null;
  /** May be called twice. */
  readonly close: () => Promise<void>;
}

export interface InsideOptions {
  readonly signal?: AbortSignal;
}
