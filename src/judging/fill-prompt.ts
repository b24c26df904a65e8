import type { JudgedAnswer } from './judge.js';

/**
 * A judge's prompt with `{question}`, the last user message, and `{answer}` in their places. What is put in is not looked at again, so that
 * an answer cannot quote a gap and be filled itself. Half characters become U+FFFD, since JSON cannot carry them.
 */
export function fillPrompt(template: string, { messages, answer }: Pick<JudgedAnswer, 'messages' | 'answer'>): string {
  const question = messages.findLast(({ role }) => role === 'user')?.content ?? '';
  const filled = template.replace(/\{(question|answer)\}/g, (_, gap) => (gap === 'question' ? question : answer));
  return Buffer.from(filled).toString();
}
