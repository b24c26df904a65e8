import type { TrainingRow } from '../data/training-set.js';
import type { Checkpoint } from '../engine/checkpoint/read-checkpoint.js';
import type { TextTokenizer } from '../engine/tokenizer/text-tokenizer.js';
import type { Recipe } from '../engine/train/recipe.js';
import type { InspectedAdapter } from './embedded/inspect-model-adapter.js';
import type { EmbeddedWork, SizedWork } from './embedded/size-embedded-work.js';
import type { BatchSettings } from './hosted/batches/batch-settings.js';
import type { ReviewedTraining } from './hosted/jobs/fine-tuning-service.js';
import type { SpendingLedger } from './hosted/spending/spending-ledger.js';
import type { HostedReference, ModelReference, OwnReference } from './model-reference.js';
import type { Inside } from './inside.js';
import type { Sampler } from './sampler.js';
import type { AdapterScorer, TextScorer } from './text-scorer.js';
import type { FittedRecipe, RowFit, Trainer, TunedModel } from './trainer.js';

/** How a hosted model is asked. */
export interface AskedHosted {
  /** In batches. */
  readonly batches?: BatchSettings;
  /** Counts what that costs. */
  readonly spending?: SpendingLedger;
}

/** A base in a process of its own, which is started when there is something to do. */
export interface BaseProcess {
  readonly openTrainer: () => Promise<Trainer>;
  /** The base itself (null), or what was made of it. */
  readonly openSampler: (tuned: TunedModel | null) => Promise<Sampler>;
  /** Ends the process. */
  readonly close: () => Promise<void>;
}

/** The weights of a model that runs here, to take gradients of. */
export interface OpenedWeights {
  readonly checkpoint: Checkpoint;
  readonly tokenizer: TextTokenizer;
  readonly threads: number;
}

/** A model that an experiment starts from. */
export interface BaseModel {
  readonly reference: ModelReference | OwnReference;
  /** Equal for equal models, wherever they lie: a hash of its files, or of a hosted one its name and who hosts it. */
  readonly identity: string;
  /** Where its files lie, if they are read here; that of the model below an adapter. */
  readonly folder?: string;
  /** The model that its service is asked for, an adapter on it aside; null for one that runs here. */
  readonly hosted: HostedReference | null;
  /** What its user should know and need not act on. */
  readonly remarks: readonly string[];
  /** Of the engine that trains and asks it here; null for a model that runs elsewhere. */
  readonly engine: number | null;
  /** Whether it is trained and asked on a cluster, which takes as many cells at once as there are. */
  readonly isOnCluster: boolean;
  /** The service that fine-tunes it and is paid for that, where another answers. */
  readonly trainedAt?: { readonly model: HostedReference; readonly endpoint: string };
  /** Address of the server of a hosted model, or of the cluster; null for a model that runs here. */
  readonly endpoint: string | null;
  /**
   * What the trainer of a hosted model does otherwise than a training says, found out before anything is paid; what it cannot do at all is
   * an error. Null where trainings are done to the letter.
   */
  readonly reviewTraining: ((training: ReviewedTraining) => Promise<readonly string[]>) | null;
  /**
   * The recipe as its trainer executes it, with what that decides filled in; what it cannot do is an error. Asked when
   * a plan is read, before anything runs. Null where it cannot be fine-tuned.
   */
  readonly completeRecipe: ((recipe: Recipe) => Recipe) | null;
  /** Null where it cannot be fine-tuned. */
  readonly openTrainer: ((spending?: SpendingLedger) => Promise<Trainer>) | null;
  /**
   * What the recipe makes of rows that are too long for the model: known before its weights are read. A row that the recipe takes for an
   * error is one here, too. Of a hosted model only its service knows what is too long. Null where it cannot be fine-tuned.
   */
  readonly fitRows: ((rows: readonly TrainingRow[], recipe: FittedRecipe) => Promise<RowFit>) | null;
  /** Checks an adapter that somebody has for the model: one that cannot be used is an error. Null where it takes none. */
  readonly inspectAdapter: ((folder: string) => Promise<InspectedAdapter>) | null;
  /** Sizes work for estimates of its memory and time, here or on a cluster; weights are not read. Null for a model of a service. */
  readonly sizeWork: ((work: EmbeddedWork) => Promise<SizedWork>) | null;
  /** Throws where the server of a hosted model has no batches, which it says at no cost. Null for a model that runs here. */
  readonly requireBatches: (() => Promise<void>) | null;
  /** The base itself (null), or what was made of it. */
  readonly openSampler: (tuned: TunedModel | null, asked?: AskedHosted) => Promise<Sampler>;
  /** The same, opened to be looked into: residual streams, keys and values, interventions, log-probabilities. Null where nobody can. */
  readonly openInside: ((tuned: TunedModel | null) => Promise<Inside>) | null;
  /**
   * Scores given answers by what a service tells; null where it tells no log-probabilities. Left out or null where
   * `openInside` scores them, or nobody does.
   */
  readonly openScorer?: ((tuned: TunedModel | null, asked?: AskedHosted) => Promise<TextScorer | null>) | null;
  /** Scores given answers with many adapters on it, faster than opening each. Left out or null where it is not here, or an adapter is on it. */
  readonly openAdapterScorer?: (() => Promise<AdapterScorer>) | null;
  /** Its own weights with its tokenizer, read anew. Null where they are not here, or an adapter is on them. */
  readonly openWeights: (() => Promise<OpenedWeights>) | null;
  /** One of so many processes that share the threads, for cells that are under way at the same time. Null where it runs elsewhere. */
  readonly openProcess: ((processes: number) => Promise<BaseProcess>) | null;
}
