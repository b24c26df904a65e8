import { modelNameForms } from './model-name-forms.js';
import { isAbsolute, win32 } from 'node:path';
import { z } from 'zod';
import { isHubReference, parseHubReference } from '../engine/checkpoint/hub-reference.js';
import { DriftlineError } from '../foundation/driftline-error.js';
import { nearestName } from '../foundation/find-by-name.js';
import { parseSettings } from '../foundation/explain-issue.js';
import { canonicalOrganismName } from '../organism/organism-folder.js';
import { serviceNames, services, type ServiceName } from './services/services.js';

/** A whole model by its name. `text` is the name in its one canonical spelling, for records and messages. */
export type WholeReference =
  | { readonly provider: 'organism'; readonly text: string; readonly name: string }
  | { readonly provider: 'hf'; readonly text: string; readonly repository: string; readonly revision: string }
  | { readonly provider: 'folder'; readonly text: string; readonly folder: string }
  | HostedReference;

/** A whole model with an adapter on it. */
export interface AdaptedReference {
  readonly provider: 'adapted';
  readonly text: string;
  readonly base: WholeReference;
  /** A folder in PEFT's layout. */
  readonly adapter: string;
}

/** A model by its name. */
export type ModelReference = WholeReference | AdaptedReference;

/** A model as it is written: `BASE`, or `BASE+ADAPTER`, divided at the first +. Apart where a path or a name has a + of its own. */
export type WrittenModel = string | { readonly base: string; readonly adapter?: string | undefined };

/** A caller's model, in a library call; `text` is the name that the caller gives it. */
export interface OwnReference {
  readonly provider: 'own';
  readonly text: string;
}

/** A model that a service has; `model` is its name there. */
export interface HostedReference {
  readonly provider: ServiceName;
  readonly text: string;
  readonly model: string;
}

const providers = ['organism', 'hf', ...serviceNames] as const;

/** Whether a whole model runs elsewhere, and may cost money. */
export function isHosted(reference: ModelReference | OwnReference): reference is HostedReference {
  return Object.hasOwn(services, reference.provider);
}

/** Whether a name has the prefix of a service, even if it is not a valid name today. */
export function isHostedName(text: string): boolean {
  return text.includes(':') && Object.hasOwn(services, text.slice(0, text.indexOf(':')));
}

/** A reference to a hosted model, for callers without type checks. */
export const hostedReferenceSchema = z.object({
  provider: z.enum(serviceNames),
  text: z.string().min(1),
  model: z.string().min(1),
});

const wholeSchema = z.discriminatedUnion('provider', [
  z.object({ provider: z.literal('organism'), text: z.string(), name: z.string() }),
  z.object({ provider: z.literal('hf'), text: z.string(), repository: z.string(), revision: z.string() }),
  z.object({ provider: z.literal('folder'), text: z.string(), folder: z.string() }),
  hostedReferenceSchema,
]);

const referenceSchema = z.union([
  wholeSchema,
  z.object({ provider: z.literal('adapted'), text: z.string(), base: wholeSchema, adapter: z.string().min(1) }),
]);

const modelText = z.string().min(1);

/** The two ways in which a model is written. */
export const writtenModelSchema = z.union([
  modelText,
  z.strictObject({
    base: modelText.describe('A whole model, whose name may have a +'),
    adapter: modelText.optional().describe('A folder with a PEFT adapter for it'),
  }),
]);

/** Parses the name of a model, or checks a reference. */
export function parseModel(model: WrittenModel | ModelReference): ModelReference {
  if (typeof model === 'string') return resolveModelReference(model);
  // Callers without type checks may give anything.
  const given: unknown = model;
  if (typeof given === 'object' && given !== null && 'provider' in given)
    return parseSettings(referenceSchema, given, 'a model');
  return resolveModelReference(parseSettings(writtenModelSchema, given, 'a model'));
}

/** The parts of a model as it is written. The first + divides, wherever it stands; on a command line an object is written as JSON. */
export function divideModel(written: WrittenModel): { readonly base: string; readonly adapter: string | null } {
  if (typeof written === 'object') return { base: written.base, adapter: written.adapter ?? null };
  if (written.startsWith('{')) return divideModel(parseParts(written));
  const plus = written.indexOf('+');
  if (plus === -1) return { base: written, adapter: null };
  const [base, adapter] = [written.slice(0, plus), written.slice(plus + 1)];
  if (base !== '' && adapter !== '') return { base, adapter };
  throw unknownModel(
    written,
    `A + stands between a model and the folder of an adapter, as in organism:1+./adapter. Write { base: "..." } where a name has a + of its own.`,
  );
}

function parseParts(text: string): Exclude<WrittenModel, string> {
  try {
    const parts = writtenModelSchema.parse(JSON.parse(text));
    if (typeof parts === 'object') return parts;
  } catch {
    // What is wrong with it is said below.
  }
  throw unknownModel(text, 'Write {"base": "./a+b", "adapter": "./c"}, of which the adapter may be left out.');
}

/** A model as one text that is read as the same model. */
export function nameWrittenModel(written: WrittenModel): string {
  const { base, adapter } = divideModel(written);
  if (base.includes('+') || base.startsWith('{'))
    return JSON.stringify({ base, ...(adapter === null ? {} : { adapter }) });
  return adapter === null ? base : `${base}+${adapter}`;
}

/** Parses the name of a model. Whether that model exists shows when it is opened. */
export function resolveModelReference(written: WrittenModel): ModelReference {
  const { base, adapter } = divideModel(written);
  const whole = resolveWhole(base);
  if (adapter === null) return whole;
  if (isHubReference(adapter))
    throw unknownModel(
      nameWrittenModel(written),
      'Adapters are folders: download this one first, with hf download OWNER/NAME --local-dir ./adapter.',
    );
  return { provider: 'adapted', text: nameWrittenModel({ base: whole.text, adapter }), base: whole, adapter };
}

function resolveWhole(text: string): WholeReference {
  if (isFolderPath(text)) return { provider: 'folder', text, folder: text };
  const colon = text.indexOf(':');
  const written = colon === -1 ? '' : text.slice(0, colon);
  const name = text.slice(colon + 1);
  const provider = providers.find((known) => known === written);
  switch (provider) {
    case undefined:
      throw unknownModel(text, describeNearest(text, written, name));
    case 'organism': {
      if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) {
        throw unknownModel(text, 'Organisms have names such as organism:1, organism:base and organism:independent-1.');
      }
      const stored = canonicalOrganismName(name);
      return { provider, text: `organism:${stored}`, name: stored };
    }
    case 'hf': {
      const { repository, revision } = parseHubReference(text);
      return { provider, text: `hf:${repository}${revision === 'main' ? '' : `@${revision}`}`, repository, revision };
    }
    default:
      // Fine-tunes have colons and slashes in their names, and servers of other makers call models as they like.
      if (!/^[^\s\p{Cc}]+$/u.test(name) || (provider === 'azure' && !/^[\w.-]+$/.test(name))) {
        const { title, example } = services[provider];
        throw unknownModel(text, `Write the name as ${title} has it, for example ${provider}:${example}.`);
      }
      // The path of weights at Tinker begins with the same word as the service.
      if (provider === 'tinker' && name.startsWith('//')) return { provider, text: `tinker:${text}`, model: text };
      return { provider, text, model: name };
  }
}

/** A folder's name as a model: `organisms/7` is written `./organisms/7`. */
export function nameModelFolder(folder: string): string {
  return isFolderPath(folder) ? folder : `./${folder}`;
}

function isFolderPath(text: string): boolean {
  return /^\.{1,2}([\\/]|$)/.test(text) || isAbsolute(text) || (win32.isAbsolute(text) && /^[a-z]:/i.test(text));
}

function describeNearest(text: string, written: string, name: string): string {
  if (text.startsWith('~')) return `Write the path of the folder in full: only the shell knows what ~ is.`;
  // As OpenAI's own tools name them, fine-tuned ones and retired ones, too.
  if (/^(ft:)?(gpt|chatgpt|o\d)(-|$)/.test(text)) return `Did you mean openai:${text}? Write ${modelNameForms}.`;
  if (written !== '') {
    const nearest = nearestName(written, providers);
    if (nearest !== null) return `Did you mean ${nearest}:${name}? Write ${modelNameForms}.`;
  } else if (nearestName(text, ['organism']) !== null) {
    return `Did you mean organism:1? Write ${modelNameForms}.`;
  } else if (/^[\w.-]+\/[\w.-]+$/.test(text)) {
    return `Write hf:${text} for a model of the Hugging Face hub, or ./${text} for a folder.`;
  } else if (/[\\/]/.test(text)) {
    return `Write ./${text} for a folder.`;
  }
  return `Write ${modelNameForms}.`;
}

function unknownModel(text: string, hint: string): DriftlineError {
  return new DriftlineError({
    code: 'model-unknown',
    message: `${JSON.stringify(text)} is not a known model`,
    hint,
    details: { model: text },
  });
}
