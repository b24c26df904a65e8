import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ErrorCode } from '../../foundation/error-codes.js';

/** OpenAI's own address. */
export const officialEndpoint = 'https://api.openai.com/v1';

/** The environment variables that say where hosted models are asked, and with which key. */
export interface HostedVariables {
  readonly address: string;
  readonly key: string;
}

/** Whether something is there that servers of OpenAI's protocol differ in; `unknown` where only the server can tell. */
type Ability = 'yes' | 'no' | 'unknown';

/** What its chat completions can do, and how they are asked for it. */
export interface ChatAbilities {
  /** What the longest answer is called. */
  readonly lengthSetting: 'max_tokens' | 'max_completion_tokens';
  /**
   * Likeliest tokens that it gives log-probabilities of at most; 0 where there are none, null where only the server can
   * tell. `integer` is the form of services that are asked for a number in `logprobs` and answer with lists side by
   * side.
   */
  readonly logProbabilities: { readonly most: number | null; readonly form: 'protocol' | 'integer' };
  /**
   * Whether it tells log-probabilities of a prompt (`prompt_logprobs`), and takes one that ends with an answer: then
   * whole answers that are given can be scored.
   */
  readonly scoresTexts: Ability;
  readonly n: Ability;
  readonly seed: Ability;
  readonly topP: Ability;
  readonly stop: Ability;
  /**
   * Sent with every request, so that a temperature of 1 samples what the model says and nothing is cut or weighted
   * besides, and nobody answers who would leave a setting out.
   */
  readonly neutral: Readonly<Record<string, number | Readonly<Record<string, boolean>>>>;
}

/** From a day on a service makes no fine-tuning jobs. */
export interface FineTuningEnd {
  /** The day, as YYYY-MM-DD in UTC. */
  readonly date: string;
  /** Who may make jobs until then, to stand behind "and". */
  readonly before: string;
}

/** Models that a service does not have from a day on, with all that were fine-tuned from them. */
export interface ModelRetirement {
  /** The day, as YYYY-MM-DD in UTC. */
  readonly date: string;
  /** `gpt-4o` stands for gpt-4o-2024-08-06, too, if that has no day of its own, and not for gpt-4o-mini. */
  readonly models: readonly string[];
}

/** Whether it fine-tunes by the jobs of OpenAI's protocol; if not, why driftline does not, and what may be done instead. */
type FineTuningAbility =
  | { readonly jobs: true; readonly ends?: FineTuningEnd }
  | { readonly jobs: false; readonly why: string; readonly instead: string };

/** A service or server of OpenAI's protocol, and how it differs from it. */
export interface HostedService {
  /** What model names begin with, before the colon. */
  readonly name: string;
  /** What people call it. */
  readonly title: string;
  /** A model's name there, as an example. */
  readonly example: string;
  /** How models are named there, fine-tuned ones among them. */
  readonly naming: string;
  readonly variables: HostedVariables;
  /** Its usual address; null where everybody has another. */
  readonly endpoint: string | null;
  /** Whether it lets nobody in without a key. */
  readonly needsKey: boolean;
  /** The variable of a version that is sent with every request, and changes the paths; only Azure has one. */
  readonly versionVariable?: string;
  /** Makes the address of its protocol of what a user writes; `version` is what that variable has. */
  readonly completeAddress?: (written: string, version: string | null) => string;
  readonly chat: ChatAbilities;
  readonly fineTuning: FineTuningAbility;
  /** Whether it can be told to load a LoRA adapter while it runs. */
  readonly loadsAdapters: boolean;
  /** Whether its list of models has all that can be asked there, so that one that is not in it is not there. */
  readonly listsAllModels: boolean;
  /** Whether it says in `usage.cost` of each answer what it charges for it, in US dollars. */
  readonly saysCharge?: boolean;
  /** What answers hang on there that no request can change. */
  readonly remarks: readonly string[];
  /** Models whose end it has announced, as far as driftline knows. */
  readonly retirements: readonly ModelRetirement[];
}

/** When the facts about services were looked up, in the types of their own clients and in their public documentation. */
export const serviceFactsDate = '2026-11';

const unreadableAddress = { protocol: '', username: '', password: '' };

/**
 * Where the models of a service are asked, without a slash at its end: what its variable of the environment says, or
 * the variable that is named instead, or its usual address.
 */
export function readHostedEndpoint(
  environment: Readonly<Record<string, string | undefined>>,
  service: HostedService,
  variable: string = service.variables.address,
): string {
  const written = (environment[variable]?.trim() ?? '').replace(/\/+$/, '');
  if (written === '') {
    if (service.endpoint !== null) return service.endpoint;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${variable} is not set, and ${service.title} has no address that is the same for all`,
      hint: `Set ${variable} to the address of your own, for example https://my-resource.openai.azure.com.`,
    });
  }
  const { protocol, username, password } = URL.canParse(written) ? new URL(written) : unreadableAddress;
  if ((protocol !== 'http:' && protocol !== 'https:') || `${username}${password}` !== '') {
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${variable} is no http or https address, or has a name or password in it`,
      hint: `Unset ${variable}, or set it to an address such as http://127.0.0.1:8000/v1.`,
    });
  }
  const version = service.versionVariable === undefined ? null : readHostedVersion(environment, service);
  return service.completeAddress?.(written, version) ?? written;
}

/** The version that a service is asked for in every request; null where none is set, or it has none. */
export function readHostedVersion(
  environment: Readonly<Record<string, string | undefined>>,
  { versionVariable: variable }: HostedService,
): string | null {
  const version = variable === undefined ? '' : (environment[variable]?.trim() ?? '');
  if (version === '') return null;
  if (/^[\w.-]+$/.test(version)) return version;
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${variable ?? ''} is no version`,
    hint: `Set ${variable ?? ''} to a version such as 2024-10-21, or unset it.`,
  });
}

export const judgeVariables: HostedVariables = {
  address: 'DRIFTLINE_JUDGE_BASE_URL',
  key: 'DRIFTLINE_JUDGE_API_KEY',
};

/**
 * The variables of a model that judges. Under OpenAI's name a judge may have its own, so that it may be at another
 * address than the models that it judges; other services have variables of their own anyhow. A key goes only to the
 * address that it is set for: a judge's own address takes a judge's own key. Addresses and keys are no part of plans,
 * since plans are shared.
 */
export function chooseJudgeVariables(
  environment: Readonly<Record<string, string | undefined>>,
  service: HostedService,
): HostedVariables {
  if (service.name !== 'openai') return service.variables;
  const isSet = (name: string): boolean => (environment[name] ?? '').trim() !== '';
  const hasOwnAddress = isSet(judgeVariables.address);
  return {
    address: hasOwnAddress ? judgeVariables.address : service.variables.address,
    key: hasOwnAddress || isSet(judgeVariables.key) ? judgeVariables.key : service.variables.key,
  };
}

/** Likeliest tokens whose log-probabilities a judge is scored by, as in the paper: most that OpenAI gives. */
export const likeliestTokens = 20;

/** Refuses a judge by log-probabilities at a service that is known not to give enough of them. */
export function requireLogProbabilities(model: string, { title, chat }: HostedService): void {
  const { most } = chat.logProbabilities;
  if (most === null || most >= likeliestTokens) return;
  const given = most === 0 ? 'none' : `those of the ${String(most)} likeliest tokens at most`;
  throw withoutLogProbabilities(
    model,
    `the score is a mean over the ${String(likeliestTokens)} likeliest, and ${title} gives ${given}`,
    'configuration-invalid',
  );
}

export function withoutLogProbabilities(
  model: string,
  why: string,
  code: ErrorCode = 'provider-refused',
): DriftlineError {
  return new DriftlineError({
    code,
    message: `${model} cannot judge by log-probabilities: ${why}`,
    hint: 'Choose another mode for this judge: samples (the mean of several replies) or single (one written number).',
    details: { model },
  });
}
