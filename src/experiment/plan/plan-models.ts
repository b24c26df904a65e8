import { basename, isAbsolute, join, resolve } from 'node:path';
import { hashJson } from '../../foundation/content-hash.js';
import {
  nameWrittenModel,
  resolveModelReference,
  type ModelReference,
  type WholeReference,
  type WrittenModel,
} from '../../models/model-reference.js';
import type { BaseModel } from '../../models/base-model.js';
import { createOwnBase, type OwnModel } from '../../models/own-model.js';
import { nameShortly } from './resolve-evaluation.js';

interface PlanModelsSettings {
  /** Model folders are found as training files are: from where the plan lies. */
  readonly folder: string;
  readonly openBase: (reference: ModelReference) => Promise<BaseModel>;
  /** Models that the caller has, by the names that the plan uses. */
  readonly models: Readonly<Record<string, OwnModel>>;
}

/** The models of a plan, each opened once. */
export interface PlanModels {
  /** By names for files and tables: `organism:1` is organism-1, `./models/mine` is mine. */
  readonly models: ReadonlyMap<string, BaseModel>;
  readonly open: (written: WrittenModel) => Promise<readonly [name: string, model: BaseModel]>;
  /** Where a path of the plan leads. */
  readonly locate: (path: string) => string;
}

export function createPlanModels({ folder, openBase, models: own }: PlanModelsSettings): PlanModels {
  const models = new Map<string, BaseModel>();
  const names = new Map<string, string>();
  const locate = (path: string): string => locateFrom(folder, path);
  return {
    models,
    locate,
    open: async (written) => {
      const text = nameWrittenModel(written);
      const ofCaller = Object.hasOwn(own, text) ? own[text] : undefined;
      const reference = ofCaller === undefined ? locateFolders(resolveModelReference(written), locate) : null;
      const key = hashJson(reference ?? { own: text });
      const known = names.get(key);
      const opened = known === undefined ? undefined : models.get(known);
      if (known !== undefined && opened !== undefined) return [known, opened];
      const model =
        ofCaller !== undefined
          ? createOwnBase(text, ofCaller)
          : // One of both is there.
            await openBase(reference as ModelReference);
      const name = nameModel(model.reference, models);
      models.set(name, model);
      names.set(key, name);
      return [name, model];
    },
  };
}

/** Where a path leads from a plan's folder. */
export function locateFrom(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}

/** A reference whose folders are found. */
export function locateFolders(reference: ModelReference, locate: (path: string) => string): ModelReference {
  const locateWhole = (whole: WholeReference): WholeReference =>
    whole.provider === 'folder' ? { ...whole, folder: locate(whole.folder) } : whole;
  return reference.provider === 'adapted'
    ? { ...reference, base: locateWhole(reference.base), adapter: locate(reference.adapter) }
    : locateWhole(reference);
}

function nameModel(reference: BaseModel['reference'], taken: ReadonlyMap<string, unknown>): string {
  const short = nameShortly(describeShortly(reference));
  let name = short;
  for (let number = 2; taken.has(name); number += 1) name = `${short}-${String(number)}`;
  return name;
}

/** Where a folder lies is nothing to the results. */
function describeShortly(reference: BaseModel['reference']): string {
  if (reference.provider === 'folder') return basename(resolve(reference.folder));
  if (reference.provider === 'adapted')
    return `${describeShortly(reference.base)}-${basename(resolve(reference.adapter))}`;
  return reference.text;
}
