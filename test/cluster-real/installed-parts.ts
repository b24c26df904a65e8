import { z } from 'zod';

/** Interpreters that `npm run test:cluster` found or installed. A part that is not there is null, and its tests do not run. */
export interface InstalledParts {
  /** Has Ray, TRL and PEFT. */
  readonly train: string | null;
  readonly vllm: string | null;
  readonly skyrl: string | null;
  /** Has Tinker's own client. */
  readonly tinker: string | null;
}

export type InstalledPart = keyof InstalledParts;

/** By which the programs of `npm run test:cluster` are told; whoever has such interpreters already names them so. */
export const partVariables: Readonly<Record<InstalledPart, string>> = {
  train: 'DRIFTLINE_CLUSTER_PYTHON',
  vllm: 'DRIFTLINE_VLLM_PYTHON',
  skyrl: 'DRIFTLINE_SKYRL_PYTHON',
  tinker: 'DRIFTLINE_TINKER_PYTHON',
};

export function readInstalledParts(environment: Readonly<Record<string, string | undefined>>): InstalledParts {
  const read = (part: InstalledPart): string | null =>
    z
      .string()
      .min(1)
      .nullable()
      .catch(null)
      .parse(environment[partVariables[part]] ?? null);
  return { train: read('train'), vllm: read('vllm'), skyrl: read('skyrl'), tinker: read('tinker') };
}

/** The interpreter of a part that a test cannot do without: `npm run test:cluster` runs a test only where its parts are. */
export function requirePart(part: InstalledPart): string {
  const found = readInstalledParts(process.env)[part];
  if (found === null) throw new Error(`${partVariables[part]} is not set: run this by \`npm run test:cluster\``);
  return found;
}
