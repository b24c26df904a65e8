import { hashJson } from '../../foundation/content-hash.js';
import { inspectModelAdapter } from '../embedded/inspect-model-adapter.js';
import { openRowFitter, type RowFitter } from '../embedded/open-row-fitter.js';
import type { Inside } from '../inside.js';
import type { Sampler } from '../sampler.js';
import type { FittedRecipe, RowFit, Trainer, TunedModel } from '../trainer.js';
import type { InspectedAdapter } from '../embedded/inspect-model-adapter.js';
import { sizeEmbeddedWork, type EmbeddedWork, type SizedWork } from '../embedded/size-embedded-work.js';
import type { TrainingRow } from '../../data/training-set.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { openClusterModel, openWholeModel, type ClusterModel, type ModelPlace } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { completeClusterRecipe } from './complete-cluster-recipe.js';
import { chooseLane, parseWholeModel } from './job-ids.js';
import { openClusterInside } from './open-cluster-inside.js';
import { nameAdapter, openClusterSampler, type ClusterSamplerSettings } from './open-cluster-sampler.js';
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
  readonly place: ModelPlace | null;
}

/** A base that is trained and asked on a cluster. */
export interface ClusterBase {
  readonly identity: string;
  readonly completeRecipe: (recipe: Recipe) => Recipe;
  readonly openTrainer: () => Promise<Trainer>;
  readonly openSampler: (tuned: TunedModel | null) => Promise<Sampler>;
  readonly openInside: (tuned: TunedModel | null) => Promise<Inside>;
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
  /** The base and its adapters are shared among so many vLLMs. */
  const { samplers = 1 } = cluster.settings;
  const underWay = new Map<number, number>();
  const own = new Map<number, AskedModel>();
  const openOwn = (adapter: string | null): AskedModel => {
    const number = chooseLane(adapter, samplers);
    const opened = own.get(number) ?? openAskedModel(cluster, model, () => underWay.get(number) ?? 0, number);
    own.set(number, opened);
    return opened;
  };
  const trainer = openClusterTrainer({
    cluster,
    model,
    onUnderWay: (change, cell) => {
      const number = chooseLane(cell, samplers);
      underWay.set(number, (underWay.get(number) ?? 0) + change);
    },
  });
  /** Models that were trained whole, each with a vLLM of its own. */
  const wholes = new Map<string, AskedModel>();
  const openWhole = (name: string): AskedModel => {
    const whole = parseWholeModel(name);
    if (whole === null) throw new Error(`${name} was not made on a cluster`);
    // Nobody else is waited for: no fine-tune under way is asked with it.
    const opened = wholes.get(name) ?? openAskedModel(cluster, openWholeModel(model, whole), () => 0);
    wholes.set(name, opened);
    return opened;
  };
  let fitter: Promise<RowFitter> | null = null;
  return {
    identity,
    completeRecipe: (recipe) => completeClusterRecipe(recipe, cluster.settings),
    openTrainer: () => Promise.resolve(trainer),
    openSampler: async (tuned) => {
      const adapter = await nameAdapter(cluster, tuned?.kind === 'adapter' ? tuned.folder : null);
      const asked = tuned?.kind === 'named' ? openWhole(tuned.model) : openOwn(adapter.name);
      return openClusterSampler({ ...asked, adapter });
    },
    openInside: async (tuned) => {
      const asked = tuned?.kind === 'named' ? openWhole(tuned.model).model : model;
      const adapter = await nameAdapter(cluster, tuned?.kind === 'adapter' ? tuned.folder : null);
      return openClusterInside({ cluster, model: asked, adapter });
    },
    fitRows: (rows, recipe) => (fitter ??= openRowFitter(folder)).then((fit) => fit(rows, recipe)),
    inspectAdapter: (adapter) => inspectModelAdapter(adapter, { folder, text }),
    sizeWork: (work) => sizeEmbeddedWork(folder, work),
  };
}

type AskedModel = Pick<ClusterSamplerSettings, 'model' | 'lane' | 'waves'>;

function openAskedModel(cluster: ClusterRun, model: ClusterModel, underWay: () => number, number = 0): AskedModel {
  const lane = createSamplingLane(cluster, model, number);
  const { clock, waves: limits } = cluster;
  return {
    ...{ model, lane },
    waves: createWaveCollector({ clock, limits, isWarm: lane.isWarm, send: lane.ask, underWay }),
  };
}
