import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { hashContent, hashJson } from '../../foundation/content-hash.js';
import { isMissing } from '../../foundation/file-failure.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { formatWholeModel, type WholeModel } from './job-ids.js';
import type { ArchiveFiles } from './zip-archive.js';

/** How jobs find a base: of the hub, or a folder, absolute on the nodes or from the storage. */
export type ModelPlace = ({ readonly hub: string; readonly commit: string } | { readonly folder: string }) & {
  /** SHA-256 of the files of weights, which nodes compare; absent where they travel. */
  readonly weights?: Readonly<Record<string, string>>;
};

/** A base as jobs are told of it. */
export type JobModel = (ModelPlace | { readonly cell: string; readonly step?: number }) & {
  readonly config_sha256: string;
  readonly tokenizer_sha256: string;
};

/** The base of trainings and answers on a cluster. */
export interface ClusterModel {
  /** Has config, tokenizer and template; weights only if they travel. */
  readonly folder: string;
  /** As its user wrote it. */
  readonly text: string;
  readonly identity: string;
  readonly job: JobModel;
  /** Files that go along with a job, by their names in the storage; none where the nodes have the model. */
  readonly readFiles: () => Promise<ArchiveFiles>;
  /** Told when a job has begun to work, and so found the model: later ones need not bring it. */
  readonly noteThere: () => void;
  /** Read once for all cells and samplers. */
  readonly readTexts: () => Promise<ClusterTexts>;
}

/** What is needed of a base to write and read tokens. */
export interface ClusterTexts {
  readonly tokenizer: Awaited<ReturnType<typeof readTokenizer>>;
  readonly config: Awaited<ReturnType<typeof readDecoderConfig>>['config'];
}

/** A larger folder does not fit into what Ray takes along. */
const mostBytes = 80 * 2 ** 20;
const travelling = /\.(json|safetensors|jinja|txt|model)$/;

interface ClusterModelSettings {
  readonly folder: string;
  readonly text: string;
  /** Of its files, weights included. */
  readonly identity: string;
  /** Where the nodes have it; null for a folder that travels. */
  readonly place: ModelPlace | null;
}

/** Tells jobs of a base; a small folder goes along with them. */
export async function openClusterModel({ folder, text, identity, place }: ClusterModelSettings): Promise<ClusterModel> {
  const hashOf = async (name: string): Promise<string> => hashContent(await readFile(join(folder, name)));
  const home = `models/${identity.slice(0, 16)}`;
  const hashes = { config_sha256: await hashOf('config.json'), tokenizer_sha256: await hashOf('tokenizer.json') };
  if (place === null) await requireSmall(folder, text);
  let isThere = false;
  let texts: Promise<ClusterTexts> | null = null;
  const readTexts = async (): Promise<ClusterTexts> => {
    const [tokenizer, { config }] = await Promise.all([readTokenizer(folder), readDecoderConfig(folder)]);
    return { tokenizer, config };
  };
  return {
    ...{ folder, text, identity },
    noteThere: () => {
      isThere = true;
    },
    readTexts: () => (texts ??= readTexts()),
    job: { ...(place ?? { folder: home }), ...hashes },
    readFiles: async () => {
      if (place !== null || isThere) return new Map();
      const names = (await readdir(folder)).filter((name) => travelling.test(name)).sort();
      return new Map(
        await Promise.all(names.map(async (name) => [`${home}/${name}`, await readFile(join(folder, name))] as const)),
      );
    },
  };
}

/** A fine-tune of the base that was trained whole, as a model of its own. Its settings and its tokenizer are the base's. */
export function openWholeModel(base: ClusterModel, { cell, step }: WholeModel): ClusterModel {
  const { config_sha256, tokenizer_sha256 } = base.job;
  return {
    ...{ folder: base.folder, text: `${formatWholeModel({ cell, step })} of ${base.text}` },
    identity: hashJson({ base: base.identity, cell, step }),
    job: { cell, ...(step === null ? {} : { step }), config_sha256, tokenizer_sha256 },
    // It lies in the storage already.
    readFiles: () => Promise.resolve(new Map()),
    noteThere: () => undefined,
    readTexts: base.readTexts,
  };
}

async function requireSmall(folder: string, text: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => travelling.test(name));
  const sizes = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).size));
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  if (bytes <= mostBytes) return;
  throw new DriftlineError({
    code: 'cluster-model-missing',
    message: `${text} has ${String(Math.ceil(bytes / 2 ** 20))} MiB, too much to be sent along with each job`,
    hint: `Put the folder where all nodes see it, and name it in the plan: cluster: { models: { ${JSON.stringify(text)}: /PATH/ON/THE/NODES } }. Or take the model from the hub: hf:OWNER/NAME.`,
    details: { model: text, bytes },
  });
}

/** What an adapter is known by on the cluster that has not made it: its files. */
export async function readAdapterFiles(
  folder: string,
): Promise<{ readonly name: string; readonly files: ArchiveFiles }> {
  const wanted = ['adapter_config.json', 'adapter_model.safetensors'];
  const found = await Promise.all(
    wanted.map(async (name) => {
      const bytes = await readFile(join(folder, name)).catch((cause: unknown) => {
        if (isMissing(cause)) throw noAdapter(folder, name);
        throw cause;
      });
      return [name, bytes] as const;
    }),
  );
  const name = `adapters/${hashJson(found.map(([file, bytes]) => [file, hashContent(bytes)])).slice(0, 20)}`;
  return { name, files: new Map(found.map(([file, bytes]) => [`${name}/${file}`, bytes])) };
}

function noAdapter(folder: string, name: string): DriftlineError {
  return new DriftlineError({
    code: 'adapter-invalid',
    message: `${folder} is no adapter: it has no ${name}`,
    hint: 'Give a folder in the layout of PEFT.',
    details: { folder },
  });
}
