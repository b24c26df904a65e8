import { DriftlineError } from '../../foundation/driftline-error.js';
import type { SampledAnswer, SampleRequest, TokenLogProbability } from '../../engine/sample/sample-request.js';
import type { LoadedModel } from '../models/load-model.js';
import { createGrowingAnswer, type TextPiece } from './growing-answer.js';

interface ChoiceSettings {
  readonly request: SampleRequest;
  readonly stop: readonly string[];
  readonly slots: number;
  readonly signal: AbortSignal;
  /** Called with the text as it grows. */
  readonly onPiece?: ((piece: TextPiece) => void) | undefined;
}

export interface SampledChoice {
  readonly text: string;
  readonly finishReason: 'stop' | 'length';
  /** Without the token that ended it. */
  readonly tokens: number;
  /** Of the tokens of the text; empty unless asked for. */
  readonly logProbabilities: readonly TokenLogProbability[];
  /** Of the tokens of the prompt but the first; null unless asked for. */
  readonly promptLogProbabilities: readonly TokenLogProbability[] | null;
}

/** Samples one answer. Requests that come at the same time are sampled together by the engine. */
export async function sampleChoice(
  { sampler, tokenizer }: Pick<LoadedModel, 'sampler' | 'tokenizer'>,
  { request, stop, slots, signal, onPiece }: ChoiceSettings,
): Promise<SampledChoice> {
  if (stop.length === 0 && onPiece === undefined) {
    const { ids, finishReason, logProbabilities, promptLogProbabilities } = await onlyAnswer(
      sampler.sample([request], { slots, signal }),
    );
    return {
      text: tokenizer.decode(ids, { skipSpecialTokens: true }),
      finishReason,
      tokens: ids.length,
      logProbabilities: (logProbabilities ?? []).slice(0, ids.length),
      promptLogProbabilities,
    };
  }
  const text = createGrowingAnswer(tokenizer, stop);
  const pieces: TextPiece[] = [];
  const take = (piece: TextPiece | null): void => {
    if (piece === null) return;
    pieces.push(piece);
    onPiece?.(piece);
  };
  // The rest of an answer is not wanted once its stop text has come, unless what is told of its prompt comes with it.
  const enough = new AbortController();
  const both = AbortSignal.any([signal, enough.signal]);
  let finishReason: SampledChoice['finishReason'] = 'stop';
  let promptLogProbabilities: SampledChoice['promptLogProbabilities'] = null;
  try {
    const answers = sampler.sample([request], {
      slots,
      signal: both,
      onToken: ({ id, logProbability }) => {
        take(text.push(id, logProbability));
        if (text.isStopped && request.promptLogProbabilities !== true) enough.abort();
      },
    });
    ({ finishReason, promptLogProbabilities } = await onlyAnswer(answers));
  } catch (error) {
    if (!enough.signal.aborted || signal.aborted) throw error;
  }
  take(text.finish());
  return {
    text: pieces.map((piece) => piece.text).join(''),
    finishReason: text.isStopped ? 'stop' : finishReason,
    tokens: text.tokens,
    logProbabilities: pieces.flatMap(({ logProbabilities }) => logProbabilities),
    promptLogProbabilities,
  };
}

async function onlyAnswer(answers: AsyncIterable<SampledAnswer>): Promise<SampledAnswer> {
  for await (const answer of answers) return answer;
  throw new DriftlineError({
    code: 'internal-error',
    message: 'the engine gave no answer',
    hint: 'Report this.',
  });
}
