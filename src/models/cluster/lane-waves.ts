import { hashJson } from '../../foundation/content-hash.js';
import { packClosedLines } from './checked-lines.js';
import type { ClusterRun } from './cluster-run.js';
import { deliverJobId } from './job-ids.js';
import type { WantedGroups } from './request-group.js';
import type { ArchiveFiles } from './zip-archive.js';

/** How waves of requests get to a lane, with the files of adapters that the cluster has not made. */
export interface LaneWaves {
  /** Holds files of a wave until they are there. */
  readonly hold: (files: ArchiveFiles) => void;
  /** Those that are not there yet. */
  readonly held: () => ArchiveFiles;
  /** Files that are there need not go again, nor be held. */
  readonly forget: (files: ArchiveFiles) => void;
  /** Reads which waves somebody has withdrawn, as when a run was stopped. */
  readonly readWithdrawn: () => Promise<void>;
  /** Hands a wave to the job that is there, by the shared folder or by a job that unpacks it. */
  readonly handOver: (wave: WantedGroups) => Promise<void>;
  /** Lays files of adapters into the shared folder, where there is one: what Ray takes along has a limit, and the folder has none. */
  readonly layDown: (wave: WantedGroups) => Promise<void>;
  /** What a job that is to be made takes along of a wave. */
  readonly pack: (wave: WantedGroups) => ArchiveFiles;
}

interface LaneWavesSettings {
  readonly cluster: ClusterRun;
  readonly lane: string;
  /** Folder of the lane in the storage. */
  readonly home: () => string;
}

export function createLaneWaves({ cluster, lane, home }: LaneWavesSettings): LaneWaves {
  /** Files that are not there yet, and names of those that are. */
  const sent = new Map<string, Uint8Array>();
  const there = new Set<string>();
  let withdrawn: ReadonlySet<string> = new Set();

  const filesOf = (wave: WantedGroups): (readonly [string, Uint8Array])[] =>
    [...wave.files].filter(([file]) => !there.has(file));

  function pack(wave: WantedGroups): Map<string, Uint8Array> {
    const groups = wave.groups.toSorted((left, right) => (left.q < right.q ? -1 : 1));
    let name = hashJson(groups).slice(0, 16);
    // What was withdrawn under that name stays so.
    for (let again = 1; withdrawn.has(name); again += 1) name = hashJson([groups, again]).slice(0, 16);
    const lines = groups.map(({ seeds, ...group }) => ({
      ...group,
      prompt: [...group.prompt],
      stop: [...group.stop],
      seeds: seeds.map((range) => [...range]),
    }));
    return new Map([...filesOf(wave), [`${home()}/requests/${name}.jsonl.gz`, packClosedLines(lines)]]);
  }

  function forget(files: ArchiveFiles): void {
    for (const name of files.keys()) {
      sent.delete(name);
      there.add(name);
    }
  }

  return {
    ...{ forget, pack },
    hold: (files) => {
      for (const [name, bytes] of files) if (!there.has(name)) sent.set(name, bytes);
    },
    held: () => new Map(sent),
    readWithdrawn: async () => {
      const wayBack = await cluster.wayBack();
      withdrawn = new Set(await wayBack.list(`${home()}/withdraw`, { purpose: 'answers' }));
    },
    handOver: async (wave) => {
      const files = pack(wave);
      const wayBack = await cluster.wayBack();
      if (wayBack.deliver !== null) {
        await wayBack.deliver(files);
        forget(wave.files);
        return;
      }
      const hash = hashJson([cluster.name(), [...files.keys()].sort()]);
      const id = deliverJobId(hash);
      await cluster.submit({
        ...{ kind: 'deliver', id, mark: hash, keys: {}, metadata: { lane } },
        ...{ deliver: () => Promise.resolve(files), onEnded: 'renew' },
      });
    },
    layDown: async (wave) => {
      const wayBack = await cluster.wayBack();
      if (wayBack.deliver === null) return;
      await wayBack.deliver(new Map(filesOf(wave)));
      forget(wave.files);
    },
  };
}
