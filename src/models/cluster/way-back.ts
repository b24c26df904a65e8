import { mkdir, readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hashContent } from '../../foundation/content-hash.js';
import { isMissing, readFailure, writeFailure } from '../../foundation/file-failure.js';
import { limitConcurrency } from '../../foundation/limit-concurrency.js';
import { writeFileAtomically } from '../../foundation/write-file-atomically.js';
import type { RayClient } from './ray-client.js';
import type { RequestBudget, RequestPurpose } from './request-budget.js';
import type { ArchiveFiles } from './zip-archive.js';

export interface FetchOptions {
  readonly purpose: RequestPurpose;
  readonly signal?: AbortSignal | undefined;
}

/** How what lies in the storage of a cluster comes here. Names are relative to the storage. */
export interface WayBack {
  readonly kind: 'dashboard' | 'folder';
  /** Names of the files of a folder; none where it is not there. */
  readonly list: (folder: string, options: FetchOptions) => Promise<readonly string[]>;
  /** A file, or its last lines; null where it is not there. */
  readonly read: (file: string, options: FetchOptions & { readonly lines?: number }) => Promise<Uint8Array | null>;
  /** Puts files there; null where a job must. */
  readonly deliver: ((files: ArchiveFiles) => Promise<void>) | null;
}

/** Written by the first job on each node; tells the storage of one cluster from any other folder. */
const probeFile = 'way-back';

export interface WayBackSettings {
  readonly ray: RayClient;
  readonly budget: RequestBudget;
  /** As the nodes call it. */
  readonly storage: string;
  /** As it is called here; null for the dashboard. Found out if not given. */
  readonly storageHere?: string | null;
  /** One that was opened before, and knows its node. */
  readonly dashboard?: WayBack | null;
}

/**
 * By the shared folder where driftline sees the storage, else by the dashboard: jobs link the storage into the log
 * folder of their nodes, whose files Ray hands out. What no job has linked yet is as if it were empty.
 */
export async function openWayBack(settings: WayBackSettings, signal?: AbortSignal): Promise<WayBack> {
  const { storage, storageHere } = settings;
  if (typeof storageHere === 'string') return openFolder(storageHere);
  const dashboard = settings.dashboard ?? openDashboard(settings);
  if (storageHere === null) return dashboard;
  const here = await readFile(join(storage, probeFile)).catch(() => null);
  if (here === null) return dashboard;
  const there = await dashboard.read(probeFile, { purpose: 'done', signal });
  return there !== null && Buffer.compare(here, there) === 0 ? openFolder(storage) : dashboard;
}

/** The name of the link to a storage in the log folder of a node. */
export function nameLink(storage: string): string {
  return `driftline-${hashContent(storage).slice(0, 8)}`;
}

function openDashboard({ ray, budget, storage }: WayBackSettings): WayBack {
  const linkName = nameLink(storage);
  let node: string | null = null;
  /** Many may look for one at the same time, as after a start: it is looked for once. */
  let finding: Promise<string | null> | null = null;

  /** A living node whose jobs have linked the storage, that of the head first. */
  async function findNode(options: FetchOptions): Promise<string | null> {
    await budget.take(options.purpose, options.signal);
    const nodes = (await ray.nodes(options.signal)).filter(({ isAlive }) => isAlive);
    const ordered = nodes.toSorted((left, right) => Number(right.isHead) - Number(left.isHead));
    for (const { id } of ordered) {
      await budget.take(options.purpose, options.signal);
      if ((await ray.readFile(id, `${linkName}/${probeFile}`, stopping(options))) !== null) return id;
    }
    return null;
  }
  /** What the node gives, or another one where it gives nothing: it may be gone. */
  async function fromNode<Found>(
    options: FetchOptions,
    fetch: (node: string) => Promise<Found | null>,
  ): Promise<Found | null> {
    const known = node;
    if (known !== null) {
      await budget.take(options.purpose, options.signal);
      const found = await fetch(known);
      if (found !== null) return found;
      await budget.take(options.purpose, options.signal);
      if ((await ray.readFile(known, `${linkName}/${probeFile}`, stopping(options))) !== null) return null;
    }
    const { purpose } = options;
    node = await (finding ??= findNode({ purpose }).finally(() => {
      finding = null;
    }));
    options.signal?.throwIfAborted();
    if (node === null) return null;
    await budget.take(options.purpose, options.signal);
    return fetch(node);
  }

  return {
    kind: 'dashboard',
    list: async (folder, options) => {
      const found = await fromNode(options, (one) => ray.listFiles(one, `${linkName}/${folder}/*`, options.signal));
      return (found ?? []).flatMap((name) => {
        const [, file = ''] = /([^/]+)$/.exec(name) ?? [];
        return name.startsWith(`${linkName}/${folder}/`) && file !== '' ? [file] : [];
      });
    },
    read: (file, { lines, ...options }) =>
      fromNode(options, (one) =>
        ray.readFile(one, `${linkName}/${file}`, { ...stopping(options), ...(lines === undefined ? {} : { lines }) }),
      ),
    deliver: null,
  };
}

function stopping({ signal }: FetchOptions): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}

function openFolder(root: string): WayBack {
  // One after the other: the same file may be wanted twice at the same time.
  const enter = limitConcurrency(1);
  return {
    kind: 'folder',
    list: async (folder) => {
      const found = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
      return found.flatMap((entry) => (entry.isFile() ? [entry.name] : [])).sort();
    },
    read: async (file, { lines }) => {
      const bytes = await readFile(join(root, file)).catch((cause: unknown) => {
        if (isMissing(cause)) return null;
        throw readFailure(join(root, file), cause);
      });
      return bytes === null || lines === undefined ? bytes : lastLines(bytes, lines);
    },
    deliver: (files) =>
      enter(async () => {
        for (const [name, bytes] of files) {
          const path = join(root, name);
          const there = await readFile(path).catch(() => null);
          if (there !== null && Buffer.compare(there, bytes) === 0) continue;
          await mkdir(dirname(path), { recursive: true }).catch((cause: unknown) => {
            throw writeFailure(path, cause);
          });
          await writeFileAtomically(path, bytes);
        }
      }),
  };
}

function lastLines(bytes: Uint8Array, count: number): Uint8Array {
  let start = bytes.at(-1) === 0x0a ? bytes.length - 1 : bytes.length;
  for (let left = count; left > 0 && start > 0; left -= 1) start = bytes.lastIndexOf(0x0a, start - 1);
  return bytes.subarray(start + 1);
}
