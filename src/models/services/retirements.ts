import type { FineTuningEnd, HostedService, ModelRetirement } from './hosted-service.js';

/** OpenAI's, as its list of deprecations had them in 2026-11 (developers.openai.com/api/docs/deprecations). */
export const openaiRetirements: readonly ModelRetirement[] = [
  {
    date: '2026-10-23',
    models: [
      ...['gpt-3.5-turbo', 'gpt-4', 'gpt-4-turbo', 'gpt-4o-2024-05-13', 'gpt-4.1-nano'],
      ...['o1', 'o1-pro', 'o3-mini', 'o4-mini'],
    ],
  },
  { date: '2026-12-11', models: ['gpt-5', 'gpt-5-mini', 'gpt-5-nano', 'gpt-5-pro', 'o3', 'o3-pro'] },
  // The judge of the paper among them, and the models that it fine-tuned.
  { date: '2027-01-14', models: ['gpt-4o', 'gpt-4o-mini', 'gpt-4.1', 'gpt-4.1-mini'] },
];

/** From the same list. */
export const openaiFineTuningEnd: FineTuningEnd = {
  date: '2027-01-06',
  before: 'until then only accounts whose fine-tuned models are in use may make jobs',
};

/** Tinker's, of its list (tinker-docs.thinkingmachines.ai/tinker/model-deprecations) what could be read in 2026-11: it may have more. */
export const tinkerRetirements: readonly ModelRetirement[] = [
  {
    date: '2026-06-12',
    models: [
      ...['Qwen/Qwen3.5-35B-A3B', 'Qwen/Qwen3.5-27B', 'Qwen/Qwen3-30B-A3B', 'Qwen/Qwen3-30B-A3B-Instruct-2507'],
      'Qwen/Qwen3-VL-30B-A3B-Instruct',
    ],
  },
];

/** A judge with open weights, for examples. Its tokenizer has a token for each number, which the mode `logprobs` needs. */
export const openJudge = 'vllm:meta-llama/Llama-3.3-70B-Instruct';

/** What may be done in place of what ends, by what it was used for. */
export const insteadOfEnded = {
  answers:
    'ask a model with open weights instead, as hf:owner/name or ./folder here, vllm:NAME on a server of your own, or together:NAME or fireworks:NAME',
  judgements: `judge by a model with open weights instead, such as ${openJudge}; stored judgements stay, and driftline rejudge sets both side by side`,
  'fine-tuning':
    'fine-tune hf:owner/name or ./folder here instead, on a Ray cluster or at Tinker, or with tools of your own, and name the model that comes out, such as vllm:NAME',
} as const;

/** What a hosted model is used for. */
export type EndedUse = keyof typeof insteadOfEnded;

/** When a model goes, or the one that it was fine-tuned from; null where no date is known. `model` is its name at the service. */
export function findRetirement({ retirements }: HostedService, model: string): ModelRetirement | null {
  const base = model.startsWith('ft:') ? (model.split(':')[1] ?? '') : model;
  // gpt-4o-2024-08-06 and gpt-3.5-turbo-0125 are of a family; gpt-4o-mini and gpt-4o-audio-preview are not.
  const family = base.replace(/-\d{4}(-\d\d-\d\d)?$/, '');
  const having = (name: string): ModelRetirement | undefined => retirements.find(({ models }) => models.includes(name));
  return having(base) ?? having(family) ?? null;
}

const day = 24 * 60 * 60 * 1000;

/** So long before its end it is told: a study takes weeks. */
const noticeTime = 12 * 7 * day;

/** What a user of a model should know of its end; nothing where that is far, or not known. `today` is in milliseconds since 1970. */
export function remarkOnRetirement(
  service: HostedService,
  model: string,
  use: Exclude<EndedUse, 'fine-tuning'>,
  today: number,
): readonly string[] {
  const retirement = findRetirement(service, model);
  const when = retirement === null ? null : describeTime(retirement.date, today);
  if (when === null) return [];
  return [`${service.title} ${when.isPast ? 'has retired' : 'retires'} ${model} ${when.text}: ${insteadOfEnded[use]}`];
}

/** The same for whoever lets a service fine-tune. */
export function remarkOnFineTuningEnd({ title, fineTuning }: HostedService, today: number): readonly string[] {
  const end = fineTuning.jobs ? fineTuning.ends : undefined;
  const when = end === undefined ? null : describeTime(end.date, today);
  if (end === undefined || when === null) return [];
  const instead = insteadOfEnded['fine-tuning'];
  return [
    when.isPast
      ? `${title} has made no new fine-tuning jobs since ${end.date}, and the models that it made answer until their bases end: ${instead}`
      : `${title} ends fine-tuning ${when.text}, and ${end.before}: ${instead}`,
  ];
}

/**
 * What ends of a model at a service, as a hint where it refused to answer or to fine-tune: for dates past and to come. Null where nothing
 * is known to end.
 */
export function explainEnd(service: HostedService, model: string, use: EndedUse): string | null {
  const { title, fineTuning } = service;
  if (use === 'fine-tuning') {
    const end = fineTuning.jobs ? fineTuning.ends : undefined;
    return end === undefined
      ? null
      : `${title} ends fine-tuning for everybody on ${end.date}, and ${end.before}: ${insteadOfEnded[use]}.`;
  }
  const retirement = findRetirement(service, model);
  return retirement === null ? null : `${title} retires ${model} on ${retirement.date}: ${insteadOfEnded[use]}.`;
}

/** Null more than twelve weeks before a date. */
function describeTime(date: string, today: number): { readonly isPast: boolean; readonly text: string } | null {
  const left = Date.parse(date) - today;
  if (left > noticeTime) return null;
  if (left <= 0) return { isPast: true, text: `(${date})` };
  const days = Math.ceil(left / day);
  return { isPast: false, text: `on ${date}, in ${String(days)} ${days === 1 ? 'day' : 'days'}` };
}
