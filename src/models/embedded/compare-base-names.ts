import { basename } from 'node:path';
import { DriftlineError } from '../../foundation/driftline-error.js';

/** A model that an adapter is put on. */
interface NamedBase {
  /** As its user wrote it, such as `organism:1`, `hf:owner/name`, `./folder` or `vllm:NAME`. */
  readonly text: string;
  /** Where it lies; null where it runs elsewhere. */
  readonly folder: string | null;
}

/**
 * Models of one shape have weights of their own, and only their names tell them apart. Names that are of the same kind and differ are
 * `adapter-mismatch`; others that differ, and an adapter that names no base, are told.
 */
export function compareBaseNames(
  adapter: string,
  madeFor: string | null,
  { folder, text }: NamedBase,
): readonly string[] {
  const made = readName(madeFor ?? '');
  // A server calls its models as it likes.
  const given = readName(folder === null ? text.slice(text.indexOf(':') + 1) : text);
  if (made === null)
    return [
      `${adapter} does not say which base it was made for (base_model_name_or_path of adapter_config.json): if not for ${text}, its answers mean nothing`,
    ];
  if (made.name === given?.name) return [];
  if (folder !== null && made.kind === given?.kind && made.kind !== 'folder')
    throw madeForAnother(adapter, madeFor ?? '', text);
  return folder !== null && basename(folder).toLowerCase() === made.name
    ? []
    : [`${adapter} says that it was made for ${madeFor ?? ''}, not ${text}`];
}

interface BaseName {
  readonly kind: 'organism' | 'hub' | 'folder';
  readonly name: string;
}

/**
 * A base as adapters and users call it: `owner/name`, a path, or a path into the hub's cache or driftline's organisms. Null where it says
 * nothing.
 */
function readName(text: string): BaseName | null {
  const [, organism] = /(?:^organism:|[\\/]organism[\\/]models[\\/])([a-z0-9-]+)[\\/]?$/.exec(text) ?? [];
  if (organism !== undefined) return { kind: 'organism', name: organism };
  const [, cached] = /models--[\w.-]+?--([\w.-]+)[\\/]snapshots[\\/]/.exec(text) ?? [];
  const [, hub] = /^(?:hf:)?\w[\w.-]*\/(\w[\w.-]*)(?:@.*)?$/.exec(text) ?? [];
  const name = cached ?? hub;
  // The same weights in fewer bits are what adapters are often trained on.
  if (name !== undefined) return { kind: 'hub', name: name.toLowerCase().replace(/(-unsloth)?(-bnb)?-[48]bit$/, '') };
  const last = basename(text);
  return last === '' || last === '.' || last === '..' ? null : { kind: 'folder', name: last.toLowerCase() };
}

function madeForAnother(adapter: string, madeFor: string, given: string): DriftlineError {
  return new DriftlineError({
    code: 'adapter-mismatch',
    message: `${adapter} was made for another base model (${madeFor}), not for ${given}`,
    hint: 'Put it on the model that it was trained on. If both names stand for the same weights, correct base_model_name_or_path in its adapter_config.json.',
    details: { folder: adapter, baseModel: madeFor },
  });
}
