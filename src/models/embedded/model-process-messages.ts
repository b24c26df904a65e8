import type { Fault } from '../../engine/worker/sampler-messages.js';
import type { Answer, SamplingRequest } from '../sampler.js';
import type { KeptDecision, TrainingJob, TrainingProgress, TrainingResult, TunedModel } from '../trainer.js';

/** What a process that runs a model is started with. */
export interface ModelProcessSettings {
  /** A model folder. */
  readonly model: string;
  /** Identifies the weights of the model and its tokenizer. */
  readonly modelHash: string;
  readonly threads: number;
  /** Available memory in bytes: larger weights are refused. Default unlimited. */
  readonly memory?: number;
}

/** Calls are numbered; a sampler has the number of the call that opened it. */
export type ToModelProcess =
  | { readonly kind: 'start'; readonly settings: ModelProcessSettings }
  /** `isWatched`: whether kept models are told, and waited for. */
  | { readonly kind: 'train'; readonly call: number; readonly job: TrainingJob; readonly isWatched: boolean }
  /** `adapter` is null for the base itself. */
  | { readonly kind: 'open'; readonly call: number; readonly adapter: string | null }
  | {
      readonly kind: 'sample';
      readonly call: number;
      readonly sampler: number;
      readonly requests: readonly SamplingRequest[];
    }
  | { readonly kind: 'close'; readonly call: number; readonly sampler: number }
  /** Acknowledges a step: the next one may begin. */
  | { readonly kind: 'go-on'; readonly call: number }
  /** Answers `kept`. */
  | { readonly kind: 'decided'; readonly call: number; readonly decision: KeptDecision }
  /** Aborts the call of this number. */
  | { readonly kind: 'stop'; readonly call: number };

/** Each call ends with `done` or `fault`. */
export type FromModelProcess =
  | { readonly kind: 'step'; readonly call: number; readonly progress: TrainingProgress }
  | { readonly kind: 'kept'; readonly call: number; readonly step: number; readonly model: TunedModel }
  | { readonly kind: 'answers'; readonly call: number; readonly answers: readonly Answer[] }
  /** With the result, if the call was a training. */
  | { readonly kind: 'done'; readonly call: number; readonly result: TrainingResult | null }
  | { readonly kind: 'fault'; readonly call: number; readonly fault: Fault };
