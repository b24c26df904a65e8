import { checkBlocks } from '../../engine/activations/read-keys-values.js';
import { requireVectors } from '../../engine/activations/read-out.js';
import { checkResidualLayers, requireReadableIds, type ResidualPool } from '../../engine/activations/read-residuals.js';
import type { DecoderConfig } from '../../engine/checkpoint/decoder-config.js';
import { checkInterventions, type Interventions } from '../../engine/sample/decode-runner.js';
import { checkOverride } from '../../engine/sample/key-value-override.js';
import { parseSampleRequest } from '../../engine/sample/parse-sample-request.js';
import type { ParsedSampleRequest } from '../../engine/sample/sample-request.js';
import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import { encodePrompt, encodeTrainingRow } from '../../engine/tokenizer/encode-chat.js';
import { locateTemplate, type TemplatePositions } from '../../engine/tokenizer/locate-template.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { InsideQuestion, InsideText, ScoredText } from '../inside.js';

/** What is asked of the inside of a model, checked the same way wherever that runs, before anything is computed. */

/** A conversation as ids, with its last answer apart. */
export function encodeInsideText(tokenizer: TextTokenizer, messages: readonly ChatMessage[]): InsideText {
  if (messages.at(-1)?.role !== 'assistant') {
    const ids = encodePrompt(tokenizer, messages);
    return { ids, promptLength: ids.length };
  }
  const last = messages.length - 1;
  const weighted = messages.map(({ role, content }, index) => ({
    ...{ role, content },
    ...(role === 'assistant' ? { weight: index === last ? (1 as const) : (0 as const) } : {}),
  }));
  const { ids, weights } = encodeTrainingRow(tokenizer, weighted, { loss: 'weighted' });
  return { ids, promptLength: weights.findIndex((weight) => weight > 0) };
}

/** Where the chat template's own tokens stand in the prompt that `encodeInsideText` makes. */
export function locateInsideTemplate(tokenizer: TextTokenizer, messages: readonly ChatMessage[]): TemplatePositions {
  const { ids, promptLength } = encodeInsideText(tokenizer, messages);
  const asked = messages.at(-1)?.role === 'assistant' ? messages.slice(0, -1) : messages;
  return locateTemplate(tokenizer, asked, { ids: ids.slice(0, promptLength) });
}

export function requireResiduals(
  config: DecoderConfig,
  texts: readonly InsideText[],
  { layers, pool }: { readonly layers: readonly number[]; readonly pool: ResidualPool },
): void {
  checkResidualLayers(config, requireLayers(layers));
  for (const [number, { ids, promptLength }] of texts.entries()) {
    requireReadableIds(ids, config);
    requirePrompt(number, { ids, promptLength }, 0);
    const tokens = { 'prompt-mean': promptLength, 'answer-mean': ids.length - promptLength }[pool as string] ?? 1;
    if (tokens < 1)
      throw invalid(`Text ${String(number)} has no token to average for ${pool}`, 'Leave out texts without an answer.');
  }
}

export function requireKeysAndValues(
  config: DecoderConfig,
  texts: readonly Pick<InsideText, 'ids'>[],
  { layers }: { readonly layers: readonly number[] },
): void {
  checkBlocks(config, requireLayers(layers));
  for (const { ids } of texts) requireReadableIds(ids, config);
}

/** The likeliest tokens that are wanted at each place. */
export function requireScores(
  config: DecoderConfig,
  texts: readonly ScoredText[],
  { top = 0 }: { readonly top?: number },
): number {
  if (!Number.isInteger(top) || top < 0 || top > 20)
    throw invalid(`top is ${String(top)}, and may be 0 to 20`, 'Ask for fewer tokens.');
  for (const [number, text] of texts.entries()) {
    requireReadableIds(text.ids, config);
    // The first token of a text has no probability.
    requirePrompt(number, text, 1);
    if (text.override !== undefined) checkOverride(config, text.override, text.promptLength, `Text ${String(number)}`);
  }
  return top;
}

export function requireReadOut(
  config: DecoderConfig,
  vectors: readonly Float32Array[],
  { top }: { readonly top: number },
): void {
  if (!Number.isInteger(top) || top < 1 || top > 100)
    throw invalid(`top is ${String(top)}, and may be 1 to 100`, 'Ask for another number of tokens.');
  requireVectors(vectors, config.width);
}

/** The questions, with what they leave open filled in. */
export function requireQuestions(
  config: DecoderConfig,
  questions: readonly InsideQuestion[],
  interventions: Interventions,
): ParsedSampleRequest[] {
  checkInterventions(config, interventions);
  return questions.map((question, index) => {
    requireReadableIds(question.prompt, config);
    // It has a token: that was looked at.
    return parseSampleRequest(config, { ...question, prompt: [...question.prompt] as [number, ...number[]] }, index);
  });
}

function requireLayers(layers: readonly number[]): readonly number[] {
  if (layers.length === 0) throw invalid('no layer is asked for', 'Name at least one.');
  return layers;
}

function requirePrompt(number: number, { ids, promptLength }: InsideText, least: number): void {
  if (Number.isInteger(promptLength) && promptLength >= least && promptLength <= ids.length) return;
  throw invalid(
    `Text ${String(number)} has ${String(ids.length)} tokens, and ${String(promptLength)} of them are said to be prompt`,
    `The prompt needs at least ${String(least)} tokens, and no more than the text has.`,
  );
}

function invalid(message: string, hint: string): DriftlineError {
  return new DriftlineError({ code: 'usage-invalid', message, hint });
}
