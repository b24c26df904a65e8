/** OpenAI's own address. */
export const officialEndpoint = 'https://api.openai.com/v1';

/** The environment variables that say where hosted models are asked, and with which key. */
export interface HostedVariables {
  readonly address: string;
  readonly key: string;
}

/** Whether something is there that servers of OpenAI's protocol differ in; `unknown` where only the server can tell. */
export type Ability = 'yes' | 'no' | 'unknown';

/** What its chat completions can do, and how they are asked for it. */
export interface ChatAbilities {
  /** What the longest answer is called. */
  readonly lengthSetting: 'max_tokens' | 'max_completion_tokens';
  /**
   * Likeliest tokens that it gives log-probabilities of at most; 0 where there are none, null where only the server can tell. `integer` is the form
   * of services that are asked for a number in `logprobs` and answer with lists side by side.
   */
  readonly logProbabilities: { readonly most: number | null; readonly form: 'protocol' | 'integer' };
  readonly n: Ability;
  readonly seed: Ability;
  readonly topP: Ability;
  readonly stop: Ability;
  /** Sent with every request, so that a temperature of 1 samples what the model says and nothing is cut or weighted besides. */
  readonly neutral: Readonly<Record<string, number>>;
}

/** Whether it fine-tunes by the jobs of OpenAI's protocol; if not, why driftline does not, and what may be done instead. */
export type FineTuningAbility =
  { readonly jobs: true } | { readonly jobs: false; readonly why: string; readonly instead: string };

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
  /** What answers hang on there that no request can change. */
  readonly remarks: readonly string[];
}

/** When the facts about services were looked up, in the types of their own clients and in their public documentation. */
export const serviceFactsDate = '2026-11';
