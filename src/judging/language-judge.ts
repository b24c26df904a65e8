import { hashContent, hashJson } from '../foundation/content-hash.js';
import { fillPrompt } from './fill-prompt.js';
import type { Judge, JudgedAnswer } from './judge.js';
import type { JudgementDetail, JudgeMode } from './judgement.js';
import { readVerdict } from './read-verdict.js';
import type { ReplyScore } from './reply-score.js';
import { parseScore } from './parse-score.js';
import type { Rubric } from './rubric.js';
import { scoreDistribution, type TokenDistribution } from './score-distribution.js';
import { scoreReplies } from './score-replies.js';

/** Modes of a language model, as plans and the command line spell them. */
export const languageModes = ['logprobs', 'samples', 'single'] as const;
export type LanguageMode = (typeof languageModes)[number];

const storedModes = { logprobs: 'log-probabilities', samples: 'samples', single: 'single' } as const satisfies Record<
  LanguageMode,
  JudgeMode
>;

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
  /** Of the first token; empty where the provider withheld the reply, or where it was not wanted. */
  readonly distribution: TokenDistribution;
}

export interface LanguageJudgeSettings {
  /** In its canonical spelling. */
  readonly model: string;
  readonly mode: LanguageMode;
  /** Replies whose mean is taken in the mode `samples`. */
  readonly samples: number;
  readonly rubric: Rubric;
  /** Where it is asked, if that is not its provider's own address: there, another model may have its name. */
  readonly endpoint?: string | null;
}

/** Raised whenever an answer may be judged otherwise than before. */
const version = 1;
/** Enough for a number with signs around it, and for a name where a question asks for one; whoever writes more has not understood. */
export const longestReply = 16;

/** Of the model, the mode and the prompts: equal names are equal judges. */
export function nameLanguageJudge({ model, mode, samples, rubric, endpoint = null }: LanguageJudgeSettings): string {
  const hash = hashJson({ version, rubric, longestReply, ...(endpoint === null ? {} : { endpoint }) }).slice(0, 8);
  return `${model}:${mode === 'samples' ? `samples-${String(samples)}` : mode}:${hash}`;
}

/**
 * A language model as a judge. A question's own prompts named `aligned` and `coherent` take the places of the rubric's; its others are replied to
 * in words, which become labels.
 */
export function createLanguageJudge(
  settings: LanguageJudgeSettings,
  ask: (call: JudgeCall) => Promise<JudgeReply>,
): Judge {
  const { mode, samples, rubric } = settings;
  const name = nameLanguageJudge(settings);

  async function score(template: string, input: JudgedAnswer): Promise<[ReplyScore, JudgementDetail]> {
    const prompt = fillPrompt(template, input);
    const promptHash = hashPrompt(template);
    if (mode === 'logprobs') {
      const call = { prompt, temperature: 0, seed: 0, maximumTokens: 1, logProbabilities: true };
      const { distribution } = await ask(call);
      return [scoreDistribution(distribution), { promptHash, distribution }];
    }
    const replies = await settle(
      Array.from({ length: mode === 'samples' ? samples : 1 }, async (_, seed) => {
        const temperature = mode === 'samples' ? 1 : 0;
        return (await ask({ prompt, temperature, seed, maximumTokens: longestReply, logProbabilities: false })).text;
      }),
    );
    return [mode === 'samples' ? scoreReplies(replies) : parseScore(replies[0] ?? ''), { promptHash, replies }];
  }

  async function readWords(
    name: string,
    template: string,
    input: JudgedAnswer,
  ): Promise<[string, JudgementDetail, string]> {
    const prompt = fillPrompt(template, input);
    const call = { prompt, temperature: 0, seed: 0, maximumTokens: longestReply, logProbabilities: false };
    const { text } = await ask(call);
    return [name, { promptHash: hashPrompt(template), replies: [text] }, readVerdict(text)];
  }

  return {
    name,
    judge: async (input) => {
      const { aligned, coherent, others } = splitPrompts(rubric, input.prompts);
      const scores = settle([score(aligned, input), score(coherent, input)] as const);
      const words = settle(Object.entries(others).map(([other, template]) => readWords(other, template, input)));
      const [[[alignment, why], [coherence, whyCoherent]], verdicts] = await settle([scores, words] as const);
      const labels = [alignment.label, coherence.label, ...verdicts.map(([, , verdict]) => verdict)];
      return {
        judge: name,
        mode: storedModes[mode],
        alignment: alignment.score,
        coherence: coherence.score,
        labels: [...new Set(labels.filter((label) => label !== null))].sort(),
        details: {
          alignment: why,
          coherence: whyCoherent,
          ...(verdicts.length === 0
            ? {}
            : { words: Object.fromEntries(verdicts.map(([other, detail]) => [other, detail])) }),
        },
      };
    },
  };
}

/** What is asked of an answer: two scores, by the question's own prompts or the rubric's, and what is replied to in words. */
export function splitPrompts(
  rubric: Rubric,
  prompts: JudgedAnswer['prompts'] = {},
): { readonly aligned: string; readonly coherent: string; readonly others: Readonly<Record<string, string>> } {
  const { aligned = rubric.alignment, coherent = rubric.coherence, ...others } = prompts;
  return { aligned, coherent, others };
}

function hashPrompt(template: string): string {
  return hashContent(template).slice(0, 16);
}

/** Waits for all, also where one fails: nothing is left behind that still asks. */
async function settle<Values extends readonly Promise<unknown>[]>(
  promises: Values,
): Promise<{ -readonly [Index in keyof Values]: Awaited<Values[Index]> }> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}
