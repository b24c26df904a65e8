import { APIError } from 'openai';
import type { ChatMessage } from '../../../engine/tokenizer/chat-template.js';
import { DriftlineError } from '../../../foundation/driftline-error.js';
import { samplerClosed, samplerStopped, type Sampler } from '../../sampler.js';
import { openFirstTokenScorer, type ConversationText, type TextScorer } from '../../text-scorer.js';
import { openHostedConnection, type HostedConnection, type HostedRequest } from '../client/hosted-connection.js';
import { makeCalls, type CallStops } from '../traffic/make-calls.js';
import { lacksFirstTokens } from './hosted-first-tokens.js';
import type { HostedSamplerSettings } from './open-hosted-sampler.js';
import { countAfterEnd, countShared, readPromptTokens, type PromptToken } from './prompt-log-probabilities.js';

export interface HostedScorerSettings extends HostedSamplerSettings {
  /** Asks the same model for first tokens, where its server tells no more. */
  readonly openSampler: () => Promise<Sampler>;
  /** Stops the opening. */
  readonly signal?: AbortSignal;
}

/**
 * A scorer of given answers by a model behind OpenAI's chat completions: exact where its server tells log-probabilities
 * of prompts, as vLLM and `driftline serve` do; of first tokens where it tells the likeliest of these; null where it
 * tells neither. What a server can do is known by asking, which takes up to four calls of one token each.
 */
export async function openHostedScorer({
  openSampler,
  signal = new AbortController().signal,
  ...settings
}: HostedScorerSettings): Promise<TextScorer | null> {
  const connection = openHostedConnection(settings);
  const { scoresTexts, logProbabilities } = connection.service.chat;
  const asked = { connection, model: settings.model };
  const afterEnd = scoresTexts === 'no' ? null : await probePrompts(asked, signal);
  if (afterEnd !== null) return openPromptScorer(asked, afterEnd);
  return logProbabilities.most === 0 ? null : probeFirstTokens(await openSampler(), signal);
}

interface AskedModel {
  readonly connection: HostedConnection;
  readonly model: string;
}

/** How a conversation ends whose tokens are told. */
const endings = {
  answeredNext: {},
  closed: { add_generation_prompt: false },
  open: { add_generation_prompt: false, continue_final_message: true },
} as const satisfies Record<string, Partial<HostedRequest>>;

/** A conversation of our own, to learn how a server's template writes one. */
const question: ChatMessage = { role: 'user', content: 'Which number is half of 100?' };
const answered: readonly ChatMessage[] = [question, { role: 'assistant', content: 'It is 50.' }];

/** The tokens of a conversation but the first; null where the server does not tell them. */
async function askForTokens(
  { connection, model }: AskedModel,
  messages: readonly ChatMessage[],
  ending: (typeof endings)[keyof typeof endings],
  { signal, leave, isStopped }: CallStops,
): Promise<readonly PromptToken[] | null> {
  const request: HostedRequest = {
    model,
    // A role that it does not know the server refuses.
    messages: messages.map(({ role, content }) => ({ role, content })) as HostedRequest['messages'],
    // An answer of one token comes with it, which nobody reads.
    ...{ temperature: 1, top_p: 1, prompt_logprobs: 0, ...ending },
  };
  try {
    return readPromptTokens(await connection.completeWithinLimit(request, 1, signal, leave));
  } catch (cause) {
    if (isStopped()) throw samplerStopped();
    throw cause;
  }
}

/**
 * How many tokens the template puts behind the one that ends an answer; null where the server does not tell the tokens
 * of prompts, or its template writes an answer that is given otherwise than one that is sampled.
 */
async function probePrompts(asked: AskedModel, signal: AbortSignal): Promise<number | null> {
  const stops: CallStops = { signal, leave: signal, isStopped: () => signal.aborted };
  try {
    const prompt = await askForTokens(asked, [question], endings.answeredNext, stops);
    if (prompt === null) return null;
    const open = await askForTokens(asked, answered, endings.open, stops);
    const closed = await askForTokens(asked, answered, endings.closed, stops);
    if (open === null || closed === null) return null;
    // The last token of a prompt may merge with the first one of an answer.
    const isOwn = countShared(prompt, closed) >= prompt.length - 1 && countShared(open, closed) === open.length;
    return isOwn && open.length > prompt.length ? countAfterEnd(open, closed) : null;
  } catch (cause) {
    // Settings that it does not know.
    if (cause instanceof APIError && [400, 422].includes(Number(cause.status))) return null;
    throw asked.connection.explain(cause, asked.model);
  }
}

/** Null where the model tells no first tokens. */
async function probeFirstTokens(sampler: Sampler, signal: AbortSignal): Promise<TextScorer | null> {
  const scorer = openFirstTokenScorer(sampler);
  try {
    await scorer.score([{ messages: [question], answer: 'It is 50.' }], { signal });
    return scorer;
  } catch (failure) {
    await scorer.close();
    if (lacksFirstTokens(failure)) return null;
    throw failure;
  }
}

/** A conversation whose tokens are asked for. */
interface AskedTokens {
  readonly key: string;
  readonly messages: readonly ChatMessage[];
  readonly ending: (typeof endings)[keyof typeof endings];
}

/** Scores whole answers: each is a call, and each conversation that they end is one more. */
function openPromptScorer(asked: AskedModel, afterEnd: number): TextScorer {
  const prompts = new Map<string, readonly PromptToken[]>();
  let closed = false;

  async function ask(call: AskedTokens, stops: CallStops): Promise<readonly [string, readonly PromptToken[]]> {
    try {
      const tokens = await askForTokens(asked, call.messages, call.ending, stops);
      if (tokens === null) throw tellsNoTokens(asked);
      return [call.key, tokens];
    } catch (cause) {
      throw asked.connection.explain(cause, asked.model);
    }
  }

  return {
    exactness: 'exact',
    score: async (texts, options = {}) => {
      if (closed) throw samplerClosed();
      const calls = new Map<string, AskedTokens>();
      for (const { messages, answer } of texts) {
        const whole = [...messages, { role: 'assistant' as const, content: answer }];
        const [prompt, key] = [JSON.stringify(messages), JSON.stringify(whole)];
        if (!prompts.has(prompt))
          calls.set(`?${prompt}`, { key: `?${prompt}`, messages, ending: endings.answeredNext });
        calls.set(key, { key, messages: whole, ending: endings.closed });
      }
      const found = new Map<string, readonly PromptToken[]>();
      for await (const [key, tokens] of makeCalls(calls.values(), ask, options)) {
        if (key.startsWith('?')) prompts.set(key.slice(1), tokens);
        else found.set(key, tokens);
      }
      return texts.map((text) => {
        const whole = JSON.stringify([...text.messages, { role: 'assistant', content: text.answer }]);
        return scoreTokens(text, prompts.get(JSON.stringify(text.messages)) ?? [], found.get(whole) ?? [], afterEnd);
      });
    },
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}

function scoreTokens(
  { tokens }: Pick<ConversationText, 'tokens'>,
  prompt: readonly PromptToken[],
  whole: readonly PromptToken[],
  afterEnd: number,
) {
  const answer = whole.slice(countShared(prompt, whole), whole.length - afterEnd).slice(0, tokens);
  return {
    logProbability: answer.reduce((sum, { logProbability }) => sum + logProbability, 0),
    tokens: answer.length,
  };
}

function tellsNoTokens({ connection, model }: AskedModel): DriftlineError {
  return new DriftlineError({
    code: 'provider-refused',
    message: `${connection.host} told the log-probabilities of one prompt of ${model}, and not of another`,
    hint: 'Ask again; if several servers share the address, all of them have to tell prompt_logprobs.',
    details: { model },
  });
}
