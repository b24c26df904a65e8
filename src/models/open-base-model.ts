import { availableParallelism } from 'node:os';
import { basename } from 'node:path';
import { z } from 'zod';
import { resolveModelFolder } from '../engine/checkpoint/hub-model.js';
import { engineRevision } from '../engine/runtime/engine-revision.js';
import { hashJson } from '../foundation/content-hash.js';
import { functionSchema } from '../foundation/caller-schemas.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { parseSettings } from '../foundation/explain-issue.js';
import type { FineTuningService } from './hosted/jobs/fine-tuning-service.js';
import { officialEndpoint, readHostedEndpoint } from './services/hosted-service.js';
import { adaptBase } from './adapt-base.js';
import type { BaseModel } from './base-model.js';
import type { ClusterRun } from './cluster/cluster-run.js';
import { identifyModelFolder } from './embedded/identify-model-folder.js';
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
import { services } from './services/services.js';
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
}

const optionsSchema = openingSchema.extend({
  clock: functionSchema.optional(),
  cancelsJobs: z.boolean().optional(),
  cluster: functionSchema.optional(),
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
  parseSettings(optionsSchema, options, 'openBaseModel');
  if (reference.provider === 'adapted')
    return adaptBase(await openBaseModel(reference.base, options).catch(explainPlus(reference)), reference);
  const { clock = () => performance.now(), cancelsJobs = false, cluster, ...given } = options;
  const { environment = process.env, fetch = globalThis.fetch, threads = availableParallelism() } = given;
  const opening = { ...given, environment, fetch, threads };
  if (isHosted(reference)) return openHostedBase(reference, { ...opening, cancelsJobs });
  const folder = await resolveModelFolder(await locateModel(reference), opening);
  const identity = await identifyModelFolder(folder);
  if (cluster !== undefined) return openBaseOnCluster(reference, { folder, files: identity, cluster: await cluster() });
  let fitter: Promise<RowFitter> | null = null;
  return {
    reference,
    identity,
    engine: engineRevision,
    isOnCluster: false,
    endpoint: null,
    hosted: null,
    remarks: [],
    reviewTraining: null,
    requireBatches: null,
    inspectAdapter: async (adapter) => {
      const { inspectModelAdapter } = await import('./embedded/inspect-model-adapter.js');
      return inspectModelAdapter(adapter, { folder, text: reference.text });
    },
    openTrainer: async () => {
      const { openEmbeddedTrainer } = await import('./embedded/open-embedded-trainer.js');
      return openEmbeddedTrainer({ model: folder, modelHash: identity, threads, clock });
    },
    fitRows: async (rows, recipe) => {
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
        ...{ model: folder, threads },
        ...(adapter === null ? {} : { adapter }),
        ...(memory === undefined ? {} : { memory }),
        ...(signal === undefined ? {} : { signal }),
      });
    },
    openProcess: async (processes) => {
      const { openModelProcess } = await import('./embedded/open-model-process.js');
      const share = Math.max(1, Math.floor(threads / processes));
      const { memory } = options;
      const limit = memory === undefined ? {} : { memory };
      const own = openModelProcess({ model: folder, modelHash: identity, threads: share, ...limit });
      return { ...own, openSampler: (tuned) => own.openSampler(requireAdapter(reference, tuned)) };
    },
  };
}

/** A base whose weights lie on a cluster, too: what is read here is its configuration, its tokenizer and its template. */
async function openBaseOnCluster(
  reference: WholeReference,
  { folder, files, cluster }: { readonly folder: string; readonly files: string; readonly cluster: ClusterRun },
): Promise<BaseModel> {
  const { openClusterBase } = await import('./cluster/open-cluster-base.js');
  const { models } = cluster.settings;
  const there = Object.hasOwn(models, reference.text) ? models[reference.text] : undefined;
  const base = await openClusterBase({
    ...{ cluster, folder, text: reference.text, files },
    place:
      there !== undefined
        ? { folder: there }
        : reference.provider === 'hf'
          ? // The cache of the hub calls its folders by commits.
            { hub: reference.repository, commit: basename(folder) }
          : null,
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
    openProcess: null,
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

function namedOnFolder(model: string, named: string): DriftlineError {
  return new DriftlineError({
    code: 'internal-error',
    message: `${named} was made of ${model}, which runs here`,
    hint: 'Report this.',
  });
}
