import { fillPrompt } from './fill-prompt.js';
import type { JudgedAnswer } from './judge.js';
import { longestReply, splitPrompts, type LanguageJudgeSettings } from './language-judge.js';

/** From the least that it can be to the most. */
export type Range = readonly [low: number, high: number];

export interface JudgeUse {
  readonly calls: number;
  /** Characters of all prompts. */
  readonly inputCharacters: Range;
  readonly outputTokens: Range;
}

/** What it takes to judge one answer of which only the length is known, in characters. */
export function estimateJudgeUse(
  { mode, samples, rubric }: Pick<LanguageJudgeSettings, 'mode' | 'samples' | 'rubric'>,
  { messages, prompts }: Pick<JudgedAnswer, 'messages' | 'prompts'>,
  [shortest, longest]: Range,
): JudgeUse {
  const { aligned, coherent, others } = splitPrompts(rubric, prompts);
  const perScore = mode === 'samples' ? samples : 1;
  const asked = [
    ...[aligned, coherent].map((template) => ({
      template,
      calls: perScore,
      most: mode === 'logprobs' ? 1 : longestReply,
    })),
    ...Object.values(others).map((template) => ({ template, calls: 1, most: longestReply })),
  ];
  let [calls, low, high, most] = [0, 0, 0, 0];
  for (const one of asked) {
    const gaps = one.template.split('{answer}').length - 1;
    const bare = fillPrompt(one.template, { messages, answer: '' }).length;
    calls += one.calls;
    low += one.calls * (bare + gaps * shortest);
    high += one.calls * (bare + gaps * longest);
    most += one.calls * one.most;
  }
  // Of each call one token at least comes back.
  return { calls, inputCharacters: [low, high], outputTokens: [calls, most] };
}
