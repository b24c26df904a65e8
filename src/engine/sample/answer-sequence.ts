import { createRandomStream, type RandomStream } from '../../foundation/random-stream.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import type { PrefilledPrompt } from './prefill-prompts.js';
import type { ParsedSampleRequest, SampledAnswer, TokenLogProbability } from './sample-request.js';

/** An answer in progress. */
export interface AnswerSequence {
  /** Position of the request in its call. */
  readonly request: number;
  readonly settings: ParsedSampleRequest;
  readonly stopTokens: ReadonlySet<number>;
  readonly stream: RandomStream;
  readonly ids: number[];
  readonly logProbabilities: TokenLogProbability[];
  readonly promptLogProbabilities: readonly TokenLogProbability[] | null;
  /** The token whose successor is drawn next. */
  last: number;
}

/**
 * Answers that are alike so far: one slot of the cache, and one row of a run, serve them all. They part where they
 * differ.
 */
export interface AnswerBranch {
  readonly members: readonly { readonly sequence: AnswerSequence }[];
  /**
   * Whether the cache has keys and values of the last token already: those that an override gives for the end of a
   * prompt.
   */
  readonly isLastCached: boolean;
}

export function startSequence(
  config: DecoderConfig,
  settings: ParsedSampleRequest,
  request: number,
  prompt: PrefilledPrompt,
): AnswerSequence {
  return {
    request,
    settings,
    stopTokens: new Set(settings.stopTokens ?? config.endTokenIds),
    stream: createRandomStream(settings.seed, 'answer'),
    ids: [],
    logProbabilities: [],
    promptLogProbabilities: settings.promptLogProbabilities
      ? (prompt.logProbabilities ?? []).map((token) => ({
          ...token,
          // Another request may have asked for more.
          top: token.top.slice(0, settings.topLogProbabilities),
        }))
      : null,
    last: settings.prompt.at(-1)!,
  };
}

/** Whether the log-probabilities of the next token are wanted. */
export function wantsLogProbabilities({ settings, logProbabilities }: AnswerSequence): boolean {
  return settings.logProbabilities === 'first' ? logProbabilities.length === 0 : settings.logProbabilities;
}

/** Why the answer has ended, or null while it is in progress. */
export function finishOf(config: DecoderConfig, sequence: AnswerSequence): SampledAnswer['finishReason'] | null {
  const { settings, stopTokens, last, ids } = sequence;
  if (stopTokens.has(last)) return 'stop';
  return ids.length >= settings.maximumTokens || ids.length + settings.prompt.length >= config.context
    ? 'length'
    : null;
}

export function toAnswer(sequence: AnswerSequence, finishReason: SampledAnswer['finishReason']): SampledAnswer {
  const { request, ids, settings, logProbabilities, promptLogProbabilities } = sequence;
  return {
    request,
    ids,
    finishReason,
    logProbabilities: settings.logProbabilities === false ? null : logProbabilities,
    promptLogProbabilities,
  };
}
