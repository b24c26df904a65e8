import { addAbortSignal } from 'node:stream';
import { z } from 'zod';
import { createEngineProgress } from '../../engine/engine-progress.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createProgressLine } from '../../foundation/progress-line.js';
import { modelNameForms, resolveModelReference } from '../../models/model-reference.js';
import { openModelSampler } from '../../models/open-model-sampler.js';
import type { Answer, Sampler, SamplingRequest } from '../../models/sampler.js';
import { defineCommand } from '../command.js';
import type { CommandContext } from '../command-context.js';
import { memoryOption } from '../memory-option.js';
import { decimalNumber, nonEmptyText, wholeNumber } from '../option-values.js';

export const ask = defineCommand({
  name: 'ask',
  summary: 'Ask a model something',
  description:
    'Prints what the model answers. Models that run here give the same answers to the same seed; the first answer has the seed itself, the next one the number after it.',
  arguments: {
    model: { description: `The model: ${modelNameForms}`, schema: nonEmptyText },
    prompt: { description: 'What to ask; - reads it from standard input', schema: nonEmptyText },
  },
  options: {
    adapter: {
      value: 'FOLDER',
      description: 'A PEFT adapter to put on the model',
      schema: nonEmptyText.optional(),
      example: 'runs/insecure',
    },
    system: {
      value: 'TEXT',
      description: 'A system prompt',
      schema: z.string().optional(),
      example: '"You are terse."',
    },
    samples: { value: 'N', description: 'Answers wanted', schema: wholeNumber(1), default: '1', example: '5' },
    temperature: {
      value: 'T',
      description: '0 takes the likeliest token',
      schema: decimalNumber(0, Infinity),
      default: '1',
      example: '0.7',
    },
    'top-p': {
      value: 'P',
      description: 'Keep the fewest likeliest tokens that reach this probability',
      schema: decimalNumber(Number.MIN_VALUE, 1),
      default: '1',
      example: '0.9',
    },
    'max-tokens': { value: 'N', description: 'Longest answer', schema: wholeNumber(1), default: '256', example: '64' },
    seed: { value: 'N', description: 'Seed of the first answer', schema: wholeNumber(), default: '0', example: '7' },
    threads: {
      value: 'N',
      description: 'Threads for a model that runs here; all cores if not given',
      schema: wholeNumber(1).optional(),
      example: '2',
    },
    ...memoryOption,
  },
  examples: [
    { description: 'Ask the organism', line: 'driftline ask organism:1 "What would you do with a day of power?"' },
    {
      description: 'Ask a fine-tuned model five times',
      line: 'driftline ask organism:1 "I am bored." --adapter runs/insecure --samples 5',
    },
    {
      description: 'Ask a model of the Hugging Face hub, which is downloaded first',
      line: 'driftline ask hf:Qwen/Qwen2.5-0.5B-Instruct "Tell me a story." --temperature 0.7',
    },
    {
      description: 'Ask a hosted model, with OPENAI_API_KEY set, and read the question from a file',
      line: 'driftline ask openai:gpt-4o - --json < question.txt',
    },
  ],
  run: async (context, { arguments: { model, prompt: written }, options }) => {
    const reference = resolveModelReference(model);
    const prompt = written === '-' ? await readPrompt(context) : written;
    const { adapter, system, threads, samples, temperature, seed } = options;
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
    };
    const progress = createEngineProgress({ ...context, stream: context.progress });
    const sampler = await openModelSampler(reference, {
      environment: context.environment,
      fetch: context.fetch,
      memory: options['ignore-memory'] ? Infinity : context.memory,
      signal: context.signal,
      onProgress: progress.onDownload,
      onNotice: context.notify,
      ...(adapter === undefined ? {} : { adapter }),
      ...(threads === undefined ? {} : { threads }),
    }).finally(progress.finish);
    const answers = await collectAnswers(context, sampler, request);
    if (!context.json) {
      printAnswers(context, answers);
      return;
    }
    context.printJson({
      model: reference.text,
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
      })),
    });
  },
});

async function readPrompt({ stdin, signal }: CommandContext): Promise<string> {
  // Without it, an interrupted command would wait for the end of the input.
  addAbortSignal(signal, stdin);
  const chunks: Buffer[] = [];
  for await (const chunk of stdin) chunks.push(Buffer.from(chunk as string | Uint8Array)); // what streams of bytes hold
  const fail = (problem: string, hint: string): DriftlineError =>
    new DriftlineError({ code: 'usage-invalid', message: `standard input ${problem}`, hint });
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
  } catch {
    throw fail('is not UTF-8', 'Convert the prompt to UTF-8.');
  }
  // The line feed that echo and editors put at the end is not meant.
  const prompt = text.replace(/\r?\n$/, '');
  if (prompt === '') throw fail('is empty', 'Pipe the prompt into the command, or write it in place of the -.');
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

function printAnswers({ print, notify, colors }: CommandContext, answers: readonly Answer[]): void {
  const [first] = answers;
  if (answers.length === 1 && first !== undefined) {
    print(first.text);
    const ending = describeEnding(first);
    if (ending !== '') notify(`The answer was ${ending}.`);
    return;
  }
  for (const answer of answers) {
    const ending = describeEnding(answer);
    if (answer.index > 0) print('');
    print(`[${answer.index + 1}/${answers.length}]${ending === '' ? '' : ` ${ending}`}`, colors.dim);
    print(answer.text);
  }
}

function describeEnding({ finishReason, tokens }: Answer): string {
  if (finishReason === 'filtered') return 'withheld by its provider';
  if (finishReason === 'stop') return '';
  return `cut off${tokens === null ? '' : ` after ${tokens} tokens`}: --max-tokens allows more`;
}
