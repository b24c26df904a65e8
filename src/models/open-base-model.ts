import { availableParallelism } from 'node:os';
import { z } from 'zod';
import type { ResolveModelOptions } from '../engine/checkpoint/hub-download.js';
import { resolveModelFolder } from '../engine/checkpoint/hub-model.js';
import { listHubModel } from '../engine/checkpoint/list-hub-model.js';
import { engineRevision } from '../engine/runtime/engine-revision.js';
import { hashJson } from '../foundation/content-hash.js';
import { functionSchema } from '../foundation/caller-schemas.js';
import { DriftlineError, namePlace } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import type { FineTuningService } from './hosted/jobs/fine-tuning-service.js';
import { officialEndpoint, readHostedEndpoint } from './services/hosted-service.js';
import { adaptBase } from './adapt-base.js';
import type { BaseModel } from './base-model.js';
import type { ClusterRun } from './cluster/cluster-run.js';
import type { ClusterBaseSettings } from './cluster/open-cluster-base.js';
import { completeEmbeddedRecipe } from './embedded/complete-embedded-recipe.js';
import { identifyModelFiles, identifyModelFolder } from './embedded/identify-model-folder.js';
import type { InsideText } from './inside.js';
import {
  isHosted,
  parseModel,
  type HostedReference,
  type ModelReference,
  type WholeReference,
  type WrittenModel,
} from './model-reference.js';
import type { RowFitter } from './embedded/open-row-fitter.js';
import {
  explainPlus,
  locateModel,
  openingSchema,
  openModelSampler,
  type OpenModelSamplerOptions,
} from './open-model-sampler.js';
import { completeAdapterRecipe } from './recipe-rules.js';
import { services } from './services/services.js';
import { tinkerSchema, type TinkerInput, type TinkerSettings } from './tinker/tinker-settings.js';
import type { TunedModel } from './trainer.js';

export interface OpenBaseModelOptions extends Omit<
  OpenModelSamplerOptions,
  'adapter' | 'threads' | 'batches' | 'meter'
> {
  readonly threads: number;
  /** Milliseconds; only for the time left. */
  readonly clock: () => number;
  /** Whether a job at a service is cancelled when its training is stopped here. If not, it continues there, and a later run finds it. */
  readonly cancelsJobs?: boolean;
  /** Trains and asks models that are no service's on a cluster. */
  readonly cluster?: () => Promise<ClusterRun>;
  /** Has bases of `tinker:` fine-tuned there; without it they are asked alone. */
  readonly tinker?: TinkerInput;
  /** The text of a chat template that a model that runs here is asked in, in place of its own; it is not trained then. */
  readonly chatTemplate?: string;
}

const optionsSchema = openingSchema.extend({
  clock: functionSchema.optional(),
  cancelsJobs: z.boolean().optional(),
  cluster: functionSchema.optional(),
  tinker: tinkerSchema.optional(),
  chatTemplate: z.string().optional(),
});

/**
 * Finds a model, downloading it if need be; weights are read only when it is trained or asked. By default, environment, fetch and clock are
 * those of the process, and threads are all cores.
 */
export async function openBaseModel(
  model: WrittenModel | ModelReference,
  options: Partial<OpenBaseModelOptions> = {},
): Promise<BaseModel> {
  const reference = parseModel(model);
  const { tinker } = parseSettings(optionsSchema, options, 'openBaseModel');
  if (reference.provider === 'adapted')
    return adaptBase(await openBaseModel(reference.base, options).catch(explainPlus(reference)), reference);
  const { clock = () => performance.now(), cancelsJobs = false, cluster, tinker: _, chatTemplate, ...given } = options;
  const { environment = process.env, fetch = globalThis.fetch, threads = availableParallelism() } = given;
  const opening = { ...given, environment, fetch, threads };
  if (isHosted(reference)) {
    const hosted = openHostedBase(reference, { ...opening, cancelsJobs });
    // Weights that are there already are asked, and not trained further.
    return reference.provider !== 'tinker' || tinker === undefined || reference.model.startsWith('tinker://')
      ? hosted
      : openBaseAtTinker(reference, { hosted, tinker, options: { ...options, ...opening, clock } });
  }
  if (cluster !== undefined) return openBaseOnCluster(reference, await cluster(), opening);
  const folder = await resolveModelFolder(await locateModel(reference), opening);
  const ownIdentity = await identifyModelFolder(folder);
  // Asked in another template it answers otherwise.
  const identity = chatTemplate === undefined ? ownIdentity : hashJson({ model: ownIdentity, chatTemplate });
  const asking = chatTemplate === undefined ? {} : { chatTemplate };
  let fitter: Promise<RowFitter> | null = null;
  const encoded = new Map<string, InsideText>();
  return {
    reference,
    identity,
    folder,
    engine: engineRevision,
    isOnCluster: false,
    endpoint: null,
    hosted: null,
    remarks: [],
    reviewTraining: null,
    completeRecipe: chatTemplate === undefined ? completeEmbeddedRecipe : null,
    requireBatches: null,
    inspectAdapter: async (adapter) => {
      const { inspectModelAdapter } = await import('./embedded/inspect-model-adapter.js');
      return inspectModelAdapter(adapter, { folder, text: reference.text, ...asking });
    },
    openTrainer:
      chatTemplate !== undefined
        ? null
        : async () => {
            const { openEmbeddedTrainer } = await import('./embedded/open-embedded-trainer.js');
            return openEmbeddedTrainer({ model: folder, modelHash: identity, threads, clock });
          },
    fitRows:
      chatTemplate !== undefined
        ? null
        : async (rows, recipe) => {
            const { openRowFitter } = await import('./embedded/open-row-fitter.js');
            return (fitter ??= openRowFitter(folder)).then((fit) => fit(rows, recipe));
          },
    sizeWork: async (work) => {
      const { sizeEmbeddedWork } = await import('./embedded/size-embedded-work.js');
      return sizeEmbeddedWork(folder, work);
    },
    openSampler: async (tuned) => {
      const adapter = requireAdapter(reference, tuned);
      const { memory, signal } = opening;
      const { openEmbeddedSampler } = await import('./embedded/open-embedded-sampler.js');
      return openEmbeddedSampler({
        ...{ model: folder, threads, ...asking },
        ...(adapter === null ? {} : { adapter }),
        ...(memory === undefined ? {} : { memory }),
        ...(signal === undefined ? {} : { signal }),
      });
    },
    openInside: async (tuned) => {
      const adapter = requireAdapter(reference, tuned);
      const { openEmbeddedInside } = await import('./embedded/open-embedded-inside.js');
      return openEmbeddedInside({
        ...{ model: folder, threads, encoded, ...asking },
        ...(adapter === null ? {} : { adapter }),
      });
    },
    openAdapterScorer: async () => {
      const { openEmbeddedAdapterScorer } = await import('./embedded/open-embedded-adapter-scorer.js');
      const { memory } = opening;
      const limit = memory === undefined ? {} : { memory };
      return openEmbeddedAdapterScorer({ model: folder, threads, ...asking, ...limit });
    },
    openWeights: async () => {
      const [{ readCheckpoint }, { readTokenizer }] = await Promise.all([
        import('../engine/checkpoint/read-checkpoint.js'),
        import('../engine/tokenizer/read-tokenizer.js'),
      ]);
      const tokenizer = await readTokenizer(folder, asking);
      return { checkpoint: await readCheckpoint(folder), tokenizer, threads };
    },
    openProcess:
      chatTemplate !== undefined
        ? null
        : async (processes) => {
            const { openModelProcess } = await import('./embedded/open-model-process.js');
            const share = Math.max(1, Math.floor(threads / processes));
            const { memory } = options;
            const limit = memory === undefined ? {} : { memory };
            const own = openModelProcess({ model: folder, modelHash: identity, threads: share, ...limit });
            return { ...own, openSampler: (tuned) => own.openSampler(requireAdapter(reference, tuned)) };
          },
  };
}

/** A base whose weights lie on a cluster: what is read here is its configuration, its tokenizer and its template. */
async function openBaseOnCluster(
  reference: Exclude<WholeReference, HostedReference>,
  cluster: ClusterRun,
  options: ResolveModelOptions,
): Promise<BaseModel> {
  const { openClusterBase } = await import('./cluster/open-cluster-base.js');
  const { models } = cluster.settings;
  const there = Object.hasOwn(models, reference.text) ? models[reference.text] : undefined;
  const base = await openClusterBase({
    ...{ cluster, text: reference.text },
    ...(await findForCluster(reference, there, options)),
  });
  return {
    reference,
    ...base,
    engine: null,
    isOnCluster: true,
    endpoint: cluster.ray.address,
    hosted: null,
    remarks: [],
    reviewTraining: null,
    requireBatches: null,
    openWeights: null,
    openProcess: null,
  };
}

/** A base that Tinker fine-tunes, and asks, or another model asks with the adapters that are fetched. */
async function openBaseAtTinker(
  reference: HostedReference,
  {
    hosted,
    tinker,
    options,
  }: {
    readonly hosted: BaseModel;
    readonly tinker: TinkerSettings;
    readonly options: Partial<OpenBaseModelOptions> & Pick<OpenBaseModelOptions, 'environment' | 'fetch' | 'clock'>;
  },
): Promise<BaseModel> {
  const { openTinkerBase, nameTokenizer } = await import('./tinker/open-tinker-base.js');
  const tokenizer = parseModel(tinker.tokenizer ?? nameTokenizer(reference.model));
  if (isHosted(tokenizer) || tokenizer.provider === 'adapted') throw noTokenizer(tokenizer);
  const { tinker: _, ...others } = options;
  const asker =
    tinker.ask === 'service'
      ? null
      : await openBaseModel(tinker.ask === 'here' ? tokenizer : tinker.ask, others).catch((cause: unknown) => {
          throw namePlace('tinker: ask', cause);
        });
  if (asker?.inspectAdapter === null) throw takesNoAdapters(asker);
  const located = await locateModel(tokenizer);
  const folder =
    tokenizer.provider === 'hf'
      ? (await listHubModel(located, options)).folder
      : await resolveModelFolder(located, options);
  const { environment, clock, signal, onNotice = () => undefined } = options;
  const trained = await openTinkerBase({
    ...{ reference, settings: tinker, folder, environment, clock, onNotice, asker: asker?.identity ?? null },
    ...(signal === undefined ? {} : { signal }),
  });
  if (asker === null) return { ...hosted, ...trained, remarks: [...hosted.remarks, ...trained.remarks] };
  const { sizeWork } = asker;
  return {
    ...asker,
    ...trained,
    reference,
    remarks: [
      `${reference.text} is fine-tuned at Tinker, and answers are those of ${asker.reference.text}`,
      ...trained.remarks,
      ...asker.remarks,
    ],
    trainedAt: { model: reference, endpoint: readHostedEndpoint(environment, services.tinker) },
    // It trains nothing here.
    sizeWork: sizeWork === null ? null : (work) => sizeWork({ ...work, trainings: [] }),
    openWeights: null,
    openProcess: null,
  };
}

/** What is here of a base on a cluster, and where the nodes find it. */
async function findForCluster(
  reference: Exclude<WholeReference, HostedReference>,
  there: string | undefined,
  options: ResolveModelOptions,
): Promise<Pick<ClusterBaseSettings, 'folder' | 'files' | 'place'>> {
  if (reference.provider !== 'hf') {
    const folder = await resolveModelFolder(await locateModel(reference), options);
    return { folder, files: await identifyModelFolder(folder), place: there === undefined ? null : { folder: there } };
  }
  const { folder, commit, weights, files } = await listHubModel(reference.text, options);
  return {
    ...{ folder, files: identifyModelFiles(files) },
    place: {
      ...(there === undefined ? { hub: reference.repository, commit } : { folder: there }),
      weights: Object.fromEntries(weights),
    },
  };
}

function openHostedBase(
  reference: HostedReference,
  { cancelsJobs = false, ...options }: Omit<OpenBaseModelOptions, 'clock' | 'cluster'>,
): BaseModel {
  const { provider: service, model } = reference;
  const endpoint = readHostedEndpoint(options.environment, services[service]);
  const identity = identifyHosted(reference.text, endpoint);
  const { jobs: canTrain } = services[service].fineTuning;
  return {
    reference,
    identity,
    engine: null,
    isOnCluster: false,
    endpoint,
    hosted: reference,
    remarks: services[service].remarks,
    inspectAdapter: services[service].loadsAdapters
      ? async (adapter) => {
          const [{ inspectServedAdapter }, { compareBaseNames }] = await Promise.all([
            import('./hosted/client/load-adapter.js'),
            import('./embedded/compare-base-names.js'),
          ]);
          const { identity: own, madeFor } = await inspectServedAdapter(adapter);
          const remarks = compareBaseNames(adapter, madeFor, { text: reference.text, folder: null });
          return { identity: own, bytes: 0, remarks };
        }
      : null,
    completeRecipe: canTrain ? (recipe) => completeAdapterRecipe(recipe, `the service of ${reference.text}`) : null,
    reviewTraining: canTrain ? rememberReview(model, options) : null,
    openTrainer: canTrain
      ? async (spending) => {
          const { openHostedTrainer } = await import('./hosted/jobs/open-hosted-trainer.js');
          const meter = spending?.meter({ model: reference, endpoint, purpose: 'fine-tuning' });
          return openHostedTrainer({
            ...options,
            cancelsJobs,
            ...(meter === undefined ? {} : { meter }),
            model,
            identity,
          });
        }
      : null,
    fitRows: canTrain
      ? (rows) =>
          Promise.resolve({ rows: rows.length, truncated: 0, dropped: 0, droppedUnsupervised: 0, tokensLost: 0 })
      : null,
    sizeWork: null,
    requireBatches: async () => {
      const [{ createHostedClient }, { requireBatches }] = await Promise.all([
        import('./hosted/client/hosted-client.js'),
        import('./hosted/batches/batch-service.js'),
      ]);
      const { environment, fetch, signal } = options;
      const hosted = createHostedClient({ environment, fetch, service: reference.provider });
      await requireBatches(hosted, reference.text, '--batch-answers', signal);
    },
    openSampler: (tuned, { batches, spending } = {}) => {
      const [isTuned, isBatched] = [tuned !== null, batches !== undefined];
      const meter = spending?.meter({ model: reference, endpoint, purpose: 'answers', isTuned, isBatched });
      return openModelSampler(tuned?.kind === 'named' ? { ...reference, model: tuned.model } : reference, {
        ...options,
        ...(tuned?.kind === 'adapter' ? { adapter: tuned.folder } : {}),
        ...(batches === undefined ? {} : { batches }),
        ...(meter === undefined ? {} : { meter }),
      });
    },
    openInside: null,
    openWeights: null,
    openProcess: null,
  };
}

/** The adapter's folder; null for the base itself. */
function requireAdapter(reference: ModelReference, tuned: TunedModel | null): string | null {
  if (tuned?.kind === 'named') throw namedOnFolder(reference.text, tuned.model);
  return tuned === null ? null : tuned.folder;
}

/** Asks the server once, when the first training is reviewed. */
function rememberReview(
  model: string,
  { environment, fetch, signal }: Omit<OpenBaseModelOptions, 'clock'>,
): NonNullable<BaseModel['reviewTraining']> {
  let service: Promise<FineTuningService> | null = null;
  return async (training) => {
    service ??= Promise.all([
      import('./hosted/client/hosted-client.js'),
      import('./hosted/jobs/fine-tuning-service.js'),
    ]).then(([{ createHostedClient }, { probeFineTuning }]) =>
      probeFineTuning(createHostedClient({ environment, fetch }), model, signal),
    );
    return (await service).review(training);
  };
}

/** Servers of other makers call models as they like: one name at two addresses may be two models. */
function identifyHosted(model: string, endpoint: string): string {
  return endpoint === officialEndpoint ? model : hashJson({ model, endpoint });
}

function noTokenizer({ text }: ModelReference): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `tinker: tokenizer: ${text} has no tokenizer that driftline can read`,
    hint: 'Name hf:owner/name or a folder with tokenizer and chat template.',
  });
}

function takesNoAdapters({ reference: { text } }: BaseModel): DriftlineError {
  return new DriftlineError({
    code: 'configuration-invalid',
    message: `tinker: ask: ${text} takes no adapters`,
    hint: 'Write ask: here, ask: service, or name a model that takes adapters: hf:owner/name, ./folder or, where vLLM serves it, vllm:NAME.',
  });
}

function namedOnFolder(model: string, named: string): DriftlineError {
  return new DriftlineError({
    code: 'internal-error',
    message: `${named} was made of ${model}, which runs here`,
    hint: 'Report this.',
  });
}
