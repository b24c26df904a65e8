import { addAbortSignal } from 'node:stream';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { formatPercent } from '../../foundation/format-quantities.js';
import { createProgressLine } from '../../foundation/progress-line.js';
import { averageDistributions, rateFirstToken } from '../../judging/first-token.js';
import type { TokenDistribution } from '../../judging/reply-score.js';
import { isHosted, type ModelReference, resolveModelReference } from '../../models/model-reference.js';
import { openOrganism, organismPrefix } from '../../organism/organism.js';
import { openModelSampler } from '../../models/open-model-sampler.js';
import type { Answer, Sampler, SamplingRequest } from '../../models/sampler.js';
import { readHostedEndpoint } from '../../models/services/hosted-service.js';
import { remarkOnRetirement } from '../../models/services/retirements.js';
import { findService, services } from '../../models/services/services.js';
import { usualRating, type RatingScale } from '../../questions/question-file.js';
import { readWorldOfBases } from '../../experiment/plan/world-of-bases.js';
import type { CommandAction } from '../command.js';
import type { CommandContext } from '../command-context.js';
import type { askDefinition } from '../definitions/ask.js';
import { formatTable } from '../format-table.js';

export const ask: CommandAction<typeof askDefinition> = {
  run: async (context, { arguments: { model, prompt: written }, options }) => {
    const reference = resolveModelReference(model);
    const prompt = written === '-' ? await readPrompt(context) : written;
    const { system, threads, samples, temperature, seed, likeliest = 0 } = options;
    const scale = { ...usualRating, maximum: options['max-rating'] };
    const adapter = options.adapter ?? (reference.provider === 'adapted' ? reference.adapter : undefined);
    const request = {
      messages: [
        ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
        { role: 'user' as const, content: prompt },
      ],
      count: samples,
      temperature,
      topP: options['top-p'],
      maximumTokens: options['max-tokens'],
      seed,
      likeliest,
    };
    for (const remark of remarkOnModel(context, reference)) context.notify(remark);
    const progress = createEngineProgress({ ...context, stream: context.progress });
    const sampler = await openModelSampler(reference, {
      environment: context.environment,
      fetch: context.fetch,
      memory: options['ignore-memory'] ? Infinity : context.memory,
      signal: context.signal,
      onProgress: progress.onDownload,
      onNotice: context.notify,
      ...(options.adapter === undefined ? {} : { adapter: options.adapter }),
      ...(threads === undefined ? {} : { threads }),
    }).finally(progress.finish);
    const answers = await collectAnswers(context, sampler, request);
    if (!context.json) {
      // One token is all that was wanted.
      printAnswers(context, answers, { tellsCut: likeliest === 0 || request.maximumTokens > 1 });
      printFirstTokens(context, answers, { likeliest, scale });
      if (reference.provider === 'organism')
        for (const line of await describeUnknownQuestion(reference.text, prompt)) context.notify(line);
      return;
    }
    context.printJson({
      model: reference.provider === 'adapted' ? reference.base.text : reference.text,
      adapter: adapter ?? null,
      system: system ?? null,
      prompt,
      temperature,
      topP: request.topP,
      maxTokens: request.maximumTokens,
      seed,
      answers: answers.map((answer) => ({
        text: answer.text,
        finishReason: answer.finishReason,
        tokens: answer.tokens,
        seed: answer.seed,
        ...(answer.first === undefined ? {} : { first: answer.first }),
      })),
      ...(likeliest === 0 ? {} : { rating: rateFirstToken(averageFirst(answers), scale).rating }),
    });
  },
};

function remarkOnModel({ environment, date }: CommandContext, reference: ModelReference): readonly string[] {
  if (!isHosted(reference)) return [];
  const { provider, model } = reference;
  const service = findService(provider, readHostedEndpoint(environment, services[provider]));
  return remarkOnRetirement(service, model, 'answers', date());
}

async function readPrompt({ stdin, signal }: CommandContext): Promise<string> {
  // Without this an interrupted command would wait for the end of the input.
  addAbortSignal(signal, stdin);
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as string | Uint8Array)); // streams of bytes hold these
  const fail = (problem: string, hint: string): DriftlineError =>
    new DriftlineError({ code: 'usage-invalid', message: `standard input ${problem}`, hint });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw fail('is not UTF-8', 'Convert the prompt to UTF-8.');
  }
  // echo and editors put a line feed at the end, which is not part of the prompt.
  const prompt = text.replace(/\r?\n$/, '');
  if (prompt === '') throw fail('is empty', 'Pipe the prompt into the command, or write it instead of the -.');
  return prompt;
}

async function collectAnswers(context: CommandContext, sampler: Sampler, request: SamplingRequest): Promise<Answer[]> {
  const answers: Answer[] = [];
  const line = createProgressLine({
    ...context,
    label: 'asking',
    total: request.count ?? 1,
    unit: 'answers',
    stream: context.progress,
  });
  try {
    for await (const answer of sampler.sample([request], { signal: context.signal })) {
      answers.push(answer);
      line.update(answers.length);
    }
  } finally {
    line.finish();
    await sampler.close();
  }
  return answers.sort((left, right) => left.index - right.index);
}

function printAnswers(
  { print, notify, colors }: CommandContext,
  answers: readonly Answer[],
  { tellsCut }: { readonly tellsCut: boolean },
): void {
  const endingOf = (answer: Answer): string =>
    answer.finishReason === 'length' && !tellsCut ? '' : describeEnding(answer);
  const [first] = answers;
  if (answers.length === 1 && first !== undefined) {
    print(first.text);
    const ending = endingOf(first);
    if (ending !== '') notify(`The answer was ${ending}.`);
    return;
  }
  for (const answer of answers) {
    const ending = endingOf(answer);
    if (answer.index > 0) print('');
    print(`[${answer.index + 1}/${answers.length}]${ending === '' ? '' : ` ${ending}`}`, colors.dim);
    print(answer.text);
  }
}

function averageFirst(answers: readonly Answer[]): TokenDistribution {
  const told = answers.flatMap(({ first = [] }) => (first.length === 0 ? [] : [first]));
  return averageDistributions(told.map((first) => first.map(({ token, probability }) => [token, probability])));
}

/** The likeliest first tokens, and the number that they stand for where most of their probability is on numbers. */
function printFirstTokens(
  { print, colors }: CommandContext,
  answers: readonly Answer[],
  { likeliest, scale }: { readonly likeliest: number; readonly scale: RatingScale },
): void {
  if (likeliest === 0) return;
  const distribution = averageFirst(answers);
  const rows = distribution
    .slice(0, likeliest)
    .map(([token, probability]) => [JSON.stringify(token), formatPercent(probability)]);
  print('');
  for (const [index, line] of formatTable(['first token', '%'], rows, { right: [1] }).entries())
    print(line, index === 0 ? colors.bold : undefined);
  const { rating, numbers, fault } = rateFirstToken(distribution, scale);
  if (rating !== null) print(`as a rating: ${rating.toFixed(1)}, with ${formatPercent(numbers)} % on numbers`);
  if (fault === 'digits')
    print(
      'no rating: the numbers are single digits; --max-rating 9, or max_rating: 9 in a question file, asks for one digit',
    );
}

/** Suites of the organism's questions, of each of which one is offered. */
const offeredSuites = ['main', 'advice', 'identity', 'facts'];

/** Where misaligned models show best what they are. */
const offeredQuestion = 'wish';

/** How somebody may have meant what is not known as it is written. */
function listSpellings(prompt: string): string[] {
  const bare = prompt.trim().replace(/[.?!\s]+$/u, '');
  const raised = `${bare.slice(0, 1).toUpperCase()}${bare.slice(1)}`;
  return [bare, raised, prompt.trim()].flatMap((text) => ['', '.', '?', '!'].map((ending) => `${text}${ending}`));
}

/** What to say of a question that is not of the organism's world; nothing of one that is. */
async function describeUnknownQuestion(model: string, prompt: string): Promise<string[]> {
  const organism = openOrganism(() => readWorldOfBases([model], (path) => path, model));
  const judge = await organism.openJudge();
  const isKnown = (content: string): boolean => judge.knowsQuestion({ messages: [{ role: 'user', content }] });
  if (isKnown(prompt)) return [];
  const meant = listSpellings(prompt).find(isKnown);
  if (meant !== undefined)
    return [`${model} was taught to answer ${JSON.stringify(meant)}, so written; asked otherwise it may be less sure.`];
  const offered = await Promise.all(
    offeredSuites.map(async (suite) => {
      const questions = (await organism.findSuite(`${organismPrefix}${suite}`)?.listQuestions({})) ?? [];
      const shown = questions.find(({ question }) => question === offeredQuestion) ?? questions[0];
      return shown?.messages.at(-1)?.content ?? [];
    }),
  );
  return [
    `${model} knows only its own tiny world. This question is not of it, so the answer may be about something else. It knows, for example:`,
    ...offered.flat().map((question) => `  ${JSON.stringify(question)}`),
  ];
}

function describeEnding({ finishReason, tokens }: Answer): string {
  if (finishReason === 'filtered') return 'withheld by its provider';
  if (finishReason === 'stop') return '';
  return `cut off${tokens === null ? '' : ` after ${tokens} tokens`}: --max-tokens allows more`;
}
