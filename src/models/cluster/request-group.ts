import { hashJson } from '../../foundation/content-hash.js';
import type { ArchiveFiles } from './zip-archive.js';

/** Equal questions to one model, as a lane is asked them, without their seeds. */
export interface GroupSettings {
  /** Null for the base; a cell of the storage, with `@` and a step for a kept model; or `folder:` and a folder of the storage. */
  readonly adapter: string | null;
  /** Ids of tokens. */
  readonly prompt: readonly number[];
  readonly temperature: number;
  readonly top_p: number;
  readonly max_tokens: number;
  /** Ids that end an answer. */
  readonly stop: readonly number[];
  /** Likeliest first tokens that are wanted. */
  readonly top: number;
  /** From 1, where it is asked again because an answer came back damaged. */
  readonly attempt?: number;
}

export interface RequestGroup extends GroupSettings {
  /** Names the group by what it is. */
  readonly q: string;
  /** Ranges of seeds: first, and how many. */
  readonly seeds: readonly (readonly [first: number, count: number])[];
}

/** Groups that are asked for, with the files of the adapters that the cluster does not have. */
export interface WantedGroups {
  readonly groups: readonly RequestGroup[];
  readonly files: ArchiveFiles;
}

export function groupName(settings: GroupSettings): string {
  return hashJson(settings).slice(0, 16);
}

/** Joins numbers that follow each other into ranges. */
export function joinSeeds(seeds: readonly number[]): [first: number, count: number][] {
  const ranges: [number, number][] = [];
  for (const seed of seeds.toSorted((left, right) => left - right)) {
    const last = ranges.at(-1);
    if (last !== undefined && last[0] + last[1] === seed) last[1] += 1;
    else ranges.push([seed, 1]);
  }
  return ranges;
}
