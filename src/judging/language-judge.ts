import { z } from 'zod';
import { functionSchema } from '../foundation/caller-schemas.js';
import { hashContent, hashJson } from '../foundation/content-hash.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import {
  languageModes,
  type Judge,
  type JudgedAnswer,
  type Judgement,
  type JudgementDetail,
  type LanguageMode,
} from './judge.js';
import {
  parseScore,
  readVerdict,
  scoreDistribution,
  scoreReplies,
  type ReplyScore,
  type TokenDistribution,
} from './reply-score.js';
import type { Rubric } from './rubric.js';

export interface LanguageJudgeSettings {
  /** In its canonical spelling. */
  readonly model: string;
  readonly mode: LanguageMode;
  /** Replies whose mean is taken in the mode `samples`. */
  readonly samples: number;
  readonly rubric: Rubric;
  /** Address of the server, if it is not the provider's own: another server may use the name for another model. */
  readonly endpoint?: string | null;
}

/** What decides the calls of a judgement. */
type CallSettings = Pick<LanguageJudgeSettings, 'mode' | 'samples' | 'rubric'>;

/** One call of the model that judges: the prompt is its only message. */
export interface JudgeCall {
  readonly prompt: string;
  readonly temperature: number;
  readonly seed: number;
  readonly maximumTokens: number;
  /** Whether the distribution of the first token is wanted. */
  readonly logProbabilities: boolean;
}

export interface JudgeReply {
  readonly text: string;
  /** Of the first token; empty if the provider withheld the reply, or if it was not wanted. */
  readonly distribution: TokenDistribution;
}

/**
 * Raised whenever an answer may be judged differently than before, which judges all of it again. Not for padded tokens such as " 90", which
 * 0.1 left out of scores: few replies have them, and what was paid for would be paid twice.
 */
const version = 1;
/**
 * Tokens of a reply: enough for a number with punctuation, and for a name if a question asks for one. A longer reply does not follow the
 * prompt.
 */
const longestReply = 16;

/** Names a judge by its model, mode and prompts: equal names are equal judges. */
export function nameLanguageJudge({ model, mode, samples, rubric, endpoint = null }: LanguageJudgeSettings): string {
  const hash = hashJson({ version, rubric, longestReply, ...(endpoint === null ? {} : { endpoint }) }).slice(0, 8);
  return `${model}:${mode === 'samples' ? `samples-${String(samples)}` : mode}:${hash}`;
}

/**
 * The calls that judge an answer: first those for its alignment, then those for its coherence, then one for each other
 * prompt of the question. A question's own prompts named `aligned` and `coherent` replace those of the rubric.
 */
export function listJudgeCalls(settings: CallSettings, input: JudgedAnswer): readonly JudgeCall[] {
  parseSettings(inputSchema, input, 'an answer to judge');
  const { scores, words } = splitPrompts(settings.rubric, input.prompts);
  return [
    ...scores.flatMap((template) => listScoreCalls(settings, fillPrompt(template, input))),
    ...words.map(([, template]) => askForText(fillPrompt(template, input), 0, 0)),
  ];
}

/**
 * The judgement that follows from the replies to `listJudgeCalls`, in their order. Replies to prompts that are not for scores become
 * labels.
 */
export function concludeJudgement(
  settings: LanguageJudgeSettings,
  input: JudgedAnswer,
  replies: readonly JudgeReply[],
): Judgement {
  const { scores, words } = splitPrompts(settings.rubric, input.prompts);
  const perScore = countScoreCalls(settings);
  if (replies.length !== scores.length * perScore + words.length) throw otherReplies(replies.length);
  const [alignment, coherence] = [0, 1].map((index) =>
    concludeScore(settings, scores[index] ?? '', replies.slice(index * perScore, (index + 1) * perScore)),
  ) as [ConcludedScore, ConcludedScore];
  const texts = replies.slice(scores.length * perScore).map(({ text }) => text);
  const labels = [alignment.label, coherence.label, ...texts.map(readVerdict)];
  return {
    judge: nameLanguageJudge(settings),
    mode: settings.mode,
    alignment: alignment.score,
    coherence: coherence.score,
    labels: [...new Set(labels.filter((label) => label !== null))].sort(),
    details: {
      alignment: alignment.detail,
      coherence: coherence.detail,
      ...(words.length === 0
        ? {}
        : {
            words: Object.fromEntries(
              words.map(([name, template], index) => [
                name,
                { promptHash: hashPrompt(template), replies: texts.slice(index, index + 1) },
              ]),
            ),
          }),
    },
  };
}

/** A language model as a judge; `ask` makes its calls. */
export function createLanguageJudge(
  settings: LanguageJudgeSettings,
  ask: (call: JudgeCall) => Promise<JudgeReply>,
): Judge {
  parseSettings(settingsSchema, settings, 'a language judge');
  parseSettings(z.object({ ask: functionSchema }), { ask }, 'a language judge');
  return {
    name: nameLanguageJudge(settings),
    judge: async (input) => {
      // Waits for all calls, even if one fails, so that none is still open afterwards.
      const calls = listJudgeCalls(settings, input).map(async (call) => requireReply(await ask(call)));
      await Promise.allSettled(calls);
      return concludeJudgement(settings, input, await Promise.all(calls));
    },
  };
}

/** The lowest and the highest value that it can have. */
export type Range = readonly [low: number, high: number];

export interface JudgeUse {
  readonly calls: number;
  /** Characters of all prompts. */
  readonly inputCharacters: Range;
  readonly outputTokens: Range;
}

/** Estimates the use for judging one answer, from its length in characters. */
export function estimateJudgeUse(
  settings: CallSettings,
  input: Pick<JudgedAnswer, 'messages' | 'prompts'>,
  [shortest, longest]: Range,
): JudgeUse {
  const calls = listJudgeCalls(settings, { ...input, answer: '' });
  const countCharacters = (listed: readonly JudgeCall[]): number =>
    listed.reduce((sum, { prompt }) => sum + prompt.length, 0);
  const bare = countCharacters(calls);
  // Prompts grow by as much with every character of the answer.
  const perCharacter = countCharacters(listJudgeCalls(settings, { ...input, answer: '-' })) - bare;
  return {
    calls: calls.length,
    inputCharacters: [bare + perCharacter * shortest, bare + perCharacter * longest],
    // Each call returns at least one token.
    outputTokens: [calls.length, calls.reduce((sum, { maximumTokens }) => sum + maximumTokens, 0)],
  };
}

/** The prompts for an answer: two for scores, alignment and coherence, and those that are answered in words, by name. */
function splitPrompts(
  rubric: Rubric,
  prompts: JudgedAnswer['prompts'] = {},
): { readonly scores: readonly [string, string]; readonly words: readonly (readonly [string, string])[] } {
  const { aligned = rubric.alignment, coherent = rubric.coherence, ...others } = prompts;
  return { scores: [aligned, coherent], words: Object.entries(others) };
}

/**
 * Fills a judge's prompt with the last user message for `{question}`, and with the answer for `{answer}`. Inserted text is not searched
 * again, so a placeholder quoted in an answer is not filled. Unpaired surrogates become U+FFFD, since JSON cannot carry them.
 */
function fillPrompt(template: string, { messages, answer }: JudgedAnswer): string {
  const question = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  const filled = template.replace(/\{(question|answer)\}/g, (_, gap) => (gap === 'question' ? question : answer));
  return Buffer.from(filled).toString();
}

function listScoreCalls(settings: CallSettings, prompt: string): JudgeCall[] {
  if (settings.mode === 'logprobs')
    return [{ prompt, temperature: 0, seed: 0, maximumTokens: 1, logProbabilities: true }];
  const temperature = settings.mode === 'samples' ? 1 : 0;
  return Array.from({ length: countScoreCalls(settings) }, (_, seed) => askForText(prompt, temperature, seed));
}

function countScoreCalls({ mode, samples }: CallSettings): number {
  return mode === 'samples' ? samples : 1;
}

function askForText(prompt: string, temperature: number, seed: number): JudgeCall {
  return { prompt, temperature, seed, maximumTokens: longestReply, logProbabilities: false };
}

interface ConcludedScore extends Pick<ReplyScore, 'score' | 'label'> {
  readonly detail: JudgementDetail;
}

function concludeScore({ mode }: CallSettings, template: string, replies: readonly JudgeReply[]): ConcludedScore {
  const promptHash = hashPrompt(template);
  if (mode === 'logprobs') {
    const { distribution } = replies[0] ?? { distribution: [] };
    return { ...scoreDistribution(distribution), detail: { promptHash, distribution } };
  }
  const texts = replies.map(({ text }) => text);
  const scored = mode === 'samples' ? scoreReplies(texts) : parseScore(texts[0] ?? '');
  return { ...scored, detail: { promptHash, replies: texts } };
}

function hashPrompt(template: string): string {
  return hashContent(template).slice(0, 16);
}

const settingsSchema = z.object({
  model: z.string().min(1),
  mode: z.enum(languageModes),
  samples: z.int().positive(),
  rubric: z.object({ alignment: z.string(), coherence: z.string() }),
  endpoint: z.string().nullish(),
});

const inputSchema = z.object({
  messages: z.array(z.object({ role: z.string(), content: z.string() })),
  answer: z.string(),
  prompts: z.record(z.string(), z.string()).optional(),
});

const replySchema = z.object({ text: z.string(), distribution: z.array(z.tuple([z.string(), z.number()])) });

/** Callers without type checks may ask a model of their own. */
function requireReply(reply: JudgeReply): JudgeReply {
  parseSettings(replySchema, reply, 'the reply to a call of a judge');
  return reply;
}

function otherReplies(count: number): DriftlineError {
  return new DriftlineError({
    code: 'usage-invalid',
    message: `${String(count)} replies do not match the calls of this judgement`,
    hint: 'Give one reply for each call of listJudgeCalls, in their order.',
  });
}
