import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { TrainingRow } from '../../data/training-set.js';
import type { Recipe } from '../../engine/train/recipe.js';
import { hashContent, hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { isMissing, readFailure } from '../../foundation/file-failure.js';
import { nearestName } from '../../foundation/find-by-name.js';
import { openRowFitter, type RowFitter } from '../embedded/open-row-fitter.js';
import type { ReviewedTraining } from '../hosted/jobs/fine-tuning-service.js';
import type { SpendingLedger } from '../hosted/spending/spending-ledger.js';
import type { HostedReference } from '../model-reference.js';
import { readHostedEndpoint } from '../services/hosted-service.js';
import { services } from '../services/services.js';
import type { FittedRecipe, RowFit, Trainer } from '../trainer.js';
import { openTinkerTrainer } from './open-tinker-trainer.js';
import { mapTinkerRecipe, reviewTinkerRecipe } from './review-tinker-recipe.js';
import { describeSaid, explainTinkerFailure, isLostSession } from './tinker-failure.js';
import type { TinkerSettings } from './tinker-settings.js';
import { readContext } from './tinker-steps.js';
import { greetWorker, openTinkerWorker, readTinkerAddress, readTinkerKey } from './tinker-worker.js';

export interface TinkerBaseSettings {
  readonly reference: HostedReference;
  readonly settings: TinkerSettings;
  /** Has config, tokenizer and template. */
  readonly folder: string;
  /** Identity of the model that answers; null where the service does. */
  readonly asker: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: () => number;
  readonly onNotice: (notice: string) => void;
  readonly signal?: AbortSignal;
}

/** What a base is that Tinker fine-tunes, apart from how it is asked. */
export interface TinkerBase {
  readonly identity: string;
  readonly remarks: readonly string[];
  readonly reviewTraining: (training: ReviewedTraining) => Promise<readonly string[]>;
  readonly completeRecipe: (recipe: Recipe) => Recipe;
  readonly openTrainer: (spending?: SpendingLedger) => Promise<Trainer>;
  readonly fitRows: (rows: readonly TrainingRow[], recipe: FittedRecipe) => Promise<RowFit>;
}

/** The tokenizer of a base at Tinker, which is called as on the hub, perhaps with a context length behind it. */
export function nameTokenizer(model: string): string {
  const [name = ''] = model.split(':');
  if (/^[\w.-]+\/[\w.-]+$/.test(name)) return `hf:${name}`;
  throw new DriftlineError({
    code: 'configuration-invalid',
    message: `tinker: which tokenizer tinker:${model} has is not known by its name`,
    hint: 'Name it in the plan: tinker: { tokenizer: hf:owner/name } or a folder.',
  });
}

export async function openTinkerBase(opening: TinkerBaseSettings): Promise<TinkerBase> {
  const { reference, settings, folder, asker, environment, clock, onNotice } = opening;
  const { model } = reference;
  const endpoint = readHostedEndpoint(environment, services.tinker);
  const identity = hashJson({ tinker: model, endpoint, tokenizer: await identifyTokenizer(folder), asker });
  let fitter: Promise<RowFitter> | null = null;
  let probe: Promise<readonly string[]> | null = null;
  return {
    identity,
    remarks:
      endpoint === services.tinker.endpoint
        ? []
        : [
            `whether ${new URL(endpoint).host} clips gradients (max_grad_norm) and chooses projections (targets) is not known: SkyRL, another server of the protocol, does neither`,
          ],
    completeRecipe: (recipe) => {
      mapTinkerRecipe(recipe);
      return recipe;
    },
    reviewTraining: async (training) => {
      const remarks = reviewTinkerRecipe(training);
      // The service is asked once, when the first training is reviewed.
      return [...remarks, ...(await (probe ??= probeTinker(opening)))];
    },
    openTrainer: (spending) => {
      const meter = spending?.meter({ model: reference, endpoint, purpose: 'fine-tuning' });
      return Promise.resolve(
        openTinkerTrainer({
          ...{ model, identity, tokenizer: folder, environment, clock, onNotice },
          ...{ isAskedThere: asker === null, keepsAdapter: settings.keep_adapter },
          ...{ saveEvery: settings.save_every, project: settings.project ?? null },
          ...(meter === undefined ? {} : { meter }),
        }),
      );
    },
    fitRows: async (rows, recipe) => (await (fitter ??= openFitter(folder)))(rows, recipe),
  };
}

async function openFitter(folder: string): Promise<RowFitter> {
  return openRowFitter(folder, await readContext(folder));
}

/** Equal for folders that write conversations alike. */
async function identifyTokenizer(folder: string): Promise<string> {
  const names = ['tokenizer.json', 'tokenizer_config.json', 'chat_template.jinja', 'config.json'];
  const hashes = names.map(async (name) => {
    const file = join(folder, name);
    const content = await readFile(file).catch((cause: unknown) => {
      if (isMissing(cause)) return null;
      throw readFailure(file, cause);
    });
    return [name, content === null ? null : hashContent(content)] as const;
  });
  return hashJson(Object.fromEntries(await Promise.all(hashes)));
}

const checkSchema = z.object({
  models: z.array(z.object({ name: z.string().nullable(), trainable: z.boolean().nullable() })),
});

/** What the SDK and the service say before anything is paid: whether a bill is open, and whether the base can be fine-tuned. */
async function probeTinker({ reference, folder, environment, signal }: TinkerBaseSettings): Promise<readonly string[]> {
  const { model, text } = reference;
  const { key: variable } = services.tinker.variables;
  const { host } = new URL(readTinkerAddress(environment));
  const unknown = (why: string): string[] => [`whether ${text} can be fine-tuned is not checked: ${why}`];
  if ((environment[variable]?.trim() ?? '') === '') return unknown(`${variable} is not set`);
  const key = readTinkerKey(environment);
  const worker = openTinkerWorker({ environment });
  try {
    await greetWorker(worker, { environment }, signal);
    const { models } = await worker.call('check', {}, checkSchema, signal);
    const names = models.flatMap(({ name }) => name ?? []);
    const found = models.find(({ name }) => name === model);
    if (found === undefined && names.length > 0) throw missing(host, model, names);
    if (found?.trainable === false) throw missing(host, model, names, 'can be asked and not be fine-tuned');
    return [];
  } catch (cause) {
    // A server that cannot be reached is no fault of a plan.
    if (isLostSession(cause) && signal?.aborted !== true) return unknown(describeSaid(cause, key));
    throw explainTinkerFailure(cause, { model, host, key, folder });
  } finally {
    await worker.close('success');
  }
}

function missing(
  host: string,
  model: string,
  names: readonly string[],
  why = `is not among the models of ${host}`,
): DriftlineError {
  const nearest = names.includes(model) ? null : nearestName(model, names);
  return new DriftlineError({
    code: 'provider-refused',
    message: `${model} ${why}${nearest === null ? '' : ` (did you mean ${nearest}?)`}`,
    hint: `It has ${names.slice(0, 10).join(', ')}${names.length > 10 ? ` and ${String(names.length - 10)} more` : ''}.`,
    details: { model, host },
  });
}
