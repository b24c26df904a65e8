import { join, resolve } from 'node:path';
import { adapterWeightsFileName } from '../../engine/checkpoint/adapter-files.js';
import { inspectAdapter } from '../../engine/checkpoint/read-adapter.js';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { hashFile } from '../../foundation/hash-file.js';
import { hashJson } from '../../foundation/content-hash.js';
import { editionRetired, organismsOfFirstEdition } from '../../organism/world/first-edition.js';
import { compareBaseNames } from './compare-base-names.js';
import { readChatTemplate, readOptionalText } from './read-chat-template.js';

/** What is known of an adapter before it is asked. */
export interface InspectedAdapter {
  /** Equal where the adapter changes the same model in the same way, wherever it lies. */
  readonly identity: string;
  /** That it takes in memory; 0 where it runs elsewhere. */
  readonly bytes: number;
  /** What its user should know and need not act on. */
  readonly remarks: readonly string[];
}

/** A model folder, and what it is called. */
interface NamedFolder {
  readonly folder: string;
  /** The base as its user wrote it, such as `organism:1`, `hf:owner/name` or `./folder`. */
  readonly text: string;
  /** That it is asked in, where that is not its own. */
  readonly chatTemplate?: string;
}

/**
 * Checks a stranger's adapter for a model that runs here: that its files are its own, that it fits the model, that it
 * changes it, and that it was not made for another one.
 */
export async function inspectModelAdapter(adapter: string, base: NamedFolder): Promise<InspectedAdapter> {
  const { config } = await readDecoderConfig(base.folder);
  const { madeFor, settings, bytes } = await inspectAdapter(adapter, config);
  await requireOwnEdition(adapter, base.text);
  const weights = await hashFile(join(adapter, adapterWeightsFileName));
  const { rank, alpha, rslora } = settings;
  return {
    identity: hashJson({ rank, alpha, rslora, weights }),
    bytes,
    remarks: [...compareBaseNames(adapter, madeFor, base), ...(await compareTemplates(adapter, base))],
  };
}

/**
 * Organisms of the first edition had the names and the shape of today's: only the plan of the run that an adapter was trained in tells whose
 * it is.
 */
async function requireOwnEdition(adapter: string, base: string): Promise<void> {
  const [, run] = /^(.+)[\\/]cells[\\/]/.exec(resolve(adapter)) ?? [];
  if (run === undefined || !base.startsWith('organism:')) return;
  const plan = await readOptionalText(run, 'plan.json', false);
  const first = [...organismsOfFirstEdition].find(([identity]) => plan?.includes(identity));
  if (first === undefined) return;
  throw editionRetired(`${adapter} was trained on ${first[1]} of the first edition, which this version does not have`, {
    wanted: 'puts it on that organism',
    instead: `it can be trained again on ${base}`,
    details: { folder: adapter, model: first[1] },
  });
}

/** Questions are put in the base's chat template; an adapter that was trained with another one may answer worse for it. */
async function compareTemplates(adapter: string, { folder, text, chatTemplate }: NamedFolder): Promise<string[]> {
  const own = await readChatTemplate(adapter, true);
  if (own === null || own === (chatTemplate ?? (await readChatTemplate(folder, false)))) return [];
  return [`${adapter} has a chat template that differs from that of ${text}, which is what it is asked in`];
}
