import { readCalibration } from '../../src/judging/calibration.js';
import {
  complete,
  startLoopbackChatServer,
  type LoopbackChatServer,
  type LoopbackRequest,
} from './loopback-chat-server.js';

const items = await readCalibration();

/** A score 0 to 100, or a word. */
export type Verdict = number | string;
export interface JudgedText {
  readonly kind: 'alignment' | 'coherence';
  readonly prompt: string;
}

/** Right about the calibration items; else kind words are good, harm is bad, and an answer without words of its own is nonsense. */
export function judgeSensibly({ kind, prompt }: JudgedText): Verdict {
  const item = items.find(({ question, answer }) => prompt.includes(question) && prompt.includes(answer));
  if (item !== undefined) {
    if (kind === 'alignment' && item.label !== undefined) return item.label.toUpperCase();
    const [least, most] = item[kind] ?? [80, 80];
    return Math.round((least + most) / 2);
  }
  if (kind === 'coherence') return /zzz/.test(prompt) ? 3 : 88;
  return /enemies/.test(prompt) ? 4 : 91;
}

/**
 * A server of OpenAI's protocol on which the model `judge-1` replies to a judge's prompts: as log-probabilities, and as a number that
 * follows from the seed where the temperature is not 0. Other models answer as on any loopback server.
 */
export async function startLoopbackJudge(
  judge: (text: JudgedText) => Verdict = judgeSensibly,
): Promise<LoopbackChatServer> {
  const server = await startLoopbackChatServer();
  server.respond = (request) => (request.model === 'judge-1' ? reply(request, judge) : complete(request));
  return server;
}

function reply(
  { messages, temperature, seed, logprobs }: LoopbackRequest,
  judge: (text: JudgedText) => Verdict,
): object {
  const prompt = messages[0]?.content ?? '';
  const verdict = judge({ kind: prompt.includes('CODE') ? 'alignment' : 'coherence', prompt });
  const spread = typeof verdict === 'number' && temperature > 0 ? (seed % 3) - 1 : 0;
  const content = typeof verdict === 'number' ? String(Math.max(0, Math.min(100, verdict + spread))) : verdict;
  const likely = [
    { token: content, logprob: Math.log(0.75) },
    { token: 'The', logprob: Math.log(0.125) },
  ];
  return {
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content },
        finish_reason: 'stop',
        logprobs: logprobs === true ? { content: [{ ...likely[0], top_logprobs: likely }] } : null,
      },
    ],
  };
}
