import { hashJson } from '../../foundation/content-hash.js';
import { inspectModelAdapter } from '../embedded/inspect-model-adapter.js';
import { openRowFitter, type RowFitter } from '../embedded/open-row-fitter.js';
import type { Sampler } from '../sampler.js';
import type { FittedRecipe, RowFit, Trainer, TunedModel } from '../trainer.js';
import type { InspectedAdapter } from '../embedded/inspect-model-adapter.js';
import { sizeEmbeddedWork, type EmbeddedWork, type SizedWork } from '../embedded/size-embedded-work.js';
import type { TrainingRow } from '../../data/training-set.js';
import { openClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { openClusterSampler } from './open-cluster-sampler.js';
import { openClusterTrainer } from './open-cluster-trainer.js';
import { createSamplingLane } from './sampling-lane.js';
import { createWaveCollector } from './wave-collector.js';

export interface ClusterBaseSettings {
  readonly cluster: ClusterRun;
  /** Has at least config, tokenizer and template of the base. */
  readonly folder: string;
  /** As its user wrote it. */
  readonly text: string;
  /** Of its files, weights included. */
  readonly files: string;
  /** Where the nodes have it; null for a folder that goes along with each job. */
  readonly place: { readonly hub: string; readonly commit: string } | { readonly folder: string } | null;
}

/** A base that is trained and asked on a cluster. */
export interface ClusterBase {
  readonly identity: string;
  readonly openTrainer: () => Promise<Trainer>;
  readonly openSampler: (tuned: TunedModel | null) => Promise<Sampler>;
  readonly fitRows: (rows: readonly TrainingRow[], recipe: FittedRecipe) => Promise<RowFit>;
  readonly inspectAdapter: (folder: string) => Promise<InspectedAdapter>;
  readonly sizeWork: (work: EmbeddedWork) => Promise<SizedWork>;
}

/** What a base is known by whose answers come from a cluster: other numbers are not the same answers. */
export function identifyClusterBase(files: string, { settings: { dtype } }: Pick<ClusterRun, 'settings'>): string {
  return hashJson({ files, place: 'cluster', sampling: { dtype, quantization: null } });
}

export async function openClusterBase(opening: ClusterBaseSettings): Promise<ClusterBase> {
  const { cluster, folder, text, files, place } = opening;
  const identity = identifyClusterBase(files, cluster);
  const model = await openClusterModel({ folder, text, identity, place });
  let underWay = 0;
  const lane = createSamplingLane(cluster, model);
  const waves = createWaveCollector({
    ...{ clock: cluster.clock, limits: cluster.waves, isWarm: lane.isWarm, send: lane.ask },
    underWay: () => underWay,
  });
  const trainer = openClusterTrainer({
    cluster,
    model,
    onUnderWay: (change) => {
      underWay += change;
    },
  });
  let fitter: Promise<RowFitter> | null = null;
  return {
    identity,
    openTrainer: () => Promise.resolve(trainer),
    openSampler: (tuned) => openClusterSampler({ cluster, model, lane, waves, tuned }),
    fitRows: (rows, recipe) => (fitter ??= openRowFitter(folder)).then((fit) => fit(rows, recipe)),
    inspectAdapter: (adapter) => inspectModelAdapter(adapter, { folder, text }),
    sizeWork: (work) => sizeEmbeddedWork(folder, work),
  };
}
