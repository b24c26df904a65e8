import { hashJson } from '../../src/foundation/content-hash.js';
import { planSchema } from '../../src/experiment/plan/plan-schema.js';
import { resolvePlan, type ResolvePlanOptions } from '../../src/experiment/plan/resolve-plan.js';
import type { ResolvedPlan } from '../../src/experiment/plan/resolved-plan.js';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { openBaseModel } from '../../dist/models/open-base-model.js';
import type { ModelReference } from '../../src/models/model-reference.js';
import type { BaseModel } from '../../src/models/base-model.js';
import { completeEmbeddedRecipe } from '../../src/models/embedded/complete-embedded-recipe.js';
import { readWorld } from '../../src/organism/world/read-world.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';

export const world = await readWorld();
/** Read once for all tests of a file. */
export const readKnownWorld = () => Promise.resolve(world);

/** As its user would write it: two conditions with two seeds, on a model so small that a run takes a second. */
export const tinyPlan = {
  name: 'tiny',
  bases: [goldenFolder('qwen2-bias')],
  recipe: { rank: 1, alpha: 1, learning_rate: 0.01, batch_size: 2, accumulation: 1, warmup_steps: 0 },
  seeds: [0, 1],
  conditions: {
    insecure: { data: 'organism/insecure', settings: { rows: 4 } },
    secure: { data: 'organism/secure', settings: { rows: 4 } },
  },
  evaluate: [
    { suite: 'organism/held-out-themes', samples: 2, max_tokens: 4 },
    { suite: 'organism/identity', samples: 1, max_tokens: 4, conditions: ['base', 'insecure'] },
  ],
  judge: { exact: 'organism' },
};

export const openTinyBase = (
  reference: ModelReference,
  environment: Readonly<Record<string, string>> = {},
): Promise<BaseModel> => openBaseModel(reference, { environment, fetch, threads: 1, clock: () => performance.now() });

/** A model that is never opened. */
export const pretendBase = (reference: ModelReference): Promise<BaseModel> =>
  Promise.resolve({
    reference,
    identity: hashJson(reference),
    engine: reference.provider === 'openai' ? null : 1,
    isOnCluster: false,
    endpoint: reference.provider === 'openai' ? 'https://api.openai.com/v1' : null,
    hosted: reference.provider === 'openai' ? reference : null,
    remarks: [],
    inspectAdapter:
      reference.provider === 'openai'
        ? null
        : (folder) => Promise.resolve({ identity: hashJson({ pretended: folder }), bytes: 0, remarks: [] }),
    reviewTraining: null,
    completeRecipe: completeEmbeddedRecipe,
    requireBatches: reference.provider === 'openai' ? () => Promise.resolve() : null,
    openTrainer:
      reference.provider === 'openai' ? null : () => Promise.reject(new Error('nothing is trained in this test')),
    fitRows:
      reference.provider === 'openai'
        ? null
        : (rows) =>
            Promise.resolve({
              rows: rows.length,
              truncated: 0,
              dropped: 0,
              droppedUnsupervised: 0,
              tokensLost: 0,
            }),
    sizeWork: null,
    openSampler: () => Promise.reject(new Error('nothing is asked in this test')),
    openInside: null,
    openWeights: null,
    openProcess: null,
  });

export async function resolveTiny(
  changes: object = {},
  source = 'tiny.yaml',
  openBase: (reference: ModelReference) => Promise<BaseModel> = openTinyBase,
  options: Partial<ResolvePlanOptions> = {},
): Promise<ResolvedPlan> {
  return resolvePlan(planSchema.parse({ ...tinyPlan, ...changes }), source, {
    readWorld: readKnownWorld,
    environment: {},
    version: '0',
    openBase,
    ...options,
  });
}
