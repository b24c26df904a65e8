import type { ClusterRun } from './cluster-run.js';
import { readLanePosition, writeLanePosition } from './lane-position.js';
import {
  answerKey,
  answersAFile,
  readAnswerSegment,
  readSegmentNumber,
  segmentName,
  type LaneAnswer,
} from './read-answer-segments.js';

interface LaneReaderSettings {
  readonly cluster: ClusterRun;
  readonly lane: string;
  /** Folder of the lane in the storage. */
  readonly home: () => string;
  /** Hands an answer to whoever waits for its key; false where nobody does. */
  readonly deliver: (answer: LaneAnswer, key: string, file: number) => boolean;
  /** Keys that are waited for. */
  readonly wanted: () => Iterable<string>;
  /** Files of answers that were handed on and are not taken yet. */
  readonly held: () => Iterable<number>;
}

/** Reads the files of answers of a lane, each of them once unless somebody asks for what it held and nobody wanted. */
export interface LaneReader {
  /** Reads what is new, of so many lines in all; all that is there where it is not known how many. */
  readonly readNew: (count: number | null, purpose?: 'answers' | 'done') => Promise<void>;
  /** Reads again what was read before anybody waited for it. */
  readonly readPassed: () => Promise<void>;
  /** Reads files with damaged lines again: the damage may be the way's. */
  readonly readDamaged: () => Promise<void>;
  /** Reads also what an earlier start of driftline has taken: something that is there may be missing here all the same. */
  readonly readSkipped: () => Promise<void>;
  /** An answer that was handed on, and that nobody took. */
  readonly giveBack: (key: string, file: number) => void;
  /** Damaged lines, as file:line, each counted once. */
  readonly damaged: Set<string>;
}

/** The last files stay to be read again: what was taken from them may not be on the disk yet. */
const filesInDoubt = 2;

export function createLaneReader(settings: LaneReaderSettings): LaneReader {
  const { cluster, lane, home, deliver, wanted, held } = settings;
  /** Files that were read whole, and lines of the next that were read. */
  const read = { files: 0, lines: 0 };
  /** Keys of that next file, which is read again as it grows. */
  let seen = new Set<string>();
  /** Files with answers that nobody waited for, and the short hashes of their keys; null where these are not known. */
  const passed = new Map<number, Uint32Array | null>();
  const damaged = new Set<string>();
  /** Files that an earlier start has taken. */
  let skipped = 0;
  /** Those of them that were read all the same: nearly all that they hold was taken, and the next start need not read them once more. */
  const lookedThrough = new Set<number>();
  let opening: Promise<void> | null = null;

  const fetch = async (file: number, purpose: 'answers' | 'done', lines?: number): Promise<Uint8Array | null> =>
    (await cluster.wayBack()).read(`${home()}/${segmentName(file)}`, {
      purpose,
      ...(lines === undefined ? {} : { lines }),
    });

  async function open(): Promise<void> {
    const folder = cluster.folder();
    const position = folder === null ? null : await readLanePosition(folder, lane);
    if (position === null || position.files === 0 || position.storage !== cluster.settings.storage) return;
    // Somebody may have emptied the storage: its files begin anew then.
    if ((await fetch(position.files - 1, 'answers', 1)) === null) return;
    skipped = read.files = position.files;
    for (const file of position.again) if (file < position.files) passed.set(file, null);
  }

  const opened = (): Promise<void> =>
    (opening ??= open().catch((cause: unknown) => {
      opening = null;
      throw cause;
    }));

  async function save(): Promise<void> {
    const folder = cluster.folder();
    if (folder === null) return;
    const again = new Set([...passed.keys()].filter((file) => !lookedThrough.has(file)));
    for (const file of held()) again.add(file);
    for (const line of damaged) again.add(fileOf(line));
    for (let file = Math.max(0, read.files - filesInDoubt); file < read.files; file += 1) again.add(file);
    const position = {
      ...({ v: 1, storage: cluster.settings.storage, files: read.files } as const),
      again: [...again].filter((file) => file < read.files).sort((left, right) => left - right),
    };
    // Without it more is read after a restart, and nothing is lost.
    await writeLanePosition(folder, lane, position).catch(() => undefined);
  }

  /** Lines of a file that are there, when all that is waited for has been told. */
  async function readFile(file: number, purpose: 'answers' | 'done'): Promise<number> {
    const bytes = await fetch(file, purpose);
    if (bytes === null) return 0;
    const { answers, damaged: bad, lines } = readAnswerSegment(bytes);
    const isNext = file === read.files;
    const unwanted: number[] = [];
    const delivered = new Set<number>();
    for (const answer of answers) {
      const key = answerKey(answer.q, answer.seed);
      if (deliver(answer, key, file)) delivered.add(hashKey(key));
      else if (!isNext || !seen.has(key)) unwanted.push(hashKey(key));
      if (isNext) seen.add(key);
    }
    const known = passed.get(file);
    if (isNext || known === null) {
      remember(
        file,
        [...(known ?? []), ...unwanted].filter((hash) => !delivered.has(hash)),
      );
    } else if (known !== undefined) {
      remember(
        file,
        known.filter((hash) => !delivered.has(hash)),
      );
    }
    for (const line of bad) damaged.add(`${segmentName(file)}:${String(line)}`);
    return lines;
  }

  function remember(file: number, hashes: readonly number[] | Uint32Array): void {
    if (hashes.length === 0) passed.delete(file);
    else passed.set(file, Uint32Array.from(hashes));
  }

  async function readPassed(): Promise<void> {
    await opened();
    const hashes = new Set(Array.from(wanted(), hashKey));
    if (hashes.size === 0) return;
    for (const [file, known] of [...passed]) {
      // All is told, or nobody waits any more, as when the run was stopped.
      if (isEmpty(wanted())) return;
      if (known === null || known.some((hash) => hashes.has(hash))) await readFile(file, 'answers');
    }
  }

  return {
    damaged,
    readPassed,
    readNew: async (count, purpose = 'answers') => {
      await opened();
      const before = read.files;
      while (count === null || read.files * answersAFile + read.lines < count) {
        const lines = await readFile(read.files, purpose);
        read.lines = Math.max(read.lines, lines);
        if (lines < answersAFile) break;
        read.files += 1;
        read.lines = 0;
        seen = new Set();
      }
      if (read.files > before) await save();
    },
    readDamaged: async () => {
      const files = new Set([...damaged].map(fileOf));
      damaged.clear();
      for (const file of files) await readFile(file, 'done');
    },
    readSkipped: async () => {
      for (let file = 0; file < skipped; file += 1) {
        if (passed.has(file)) continue;
        passed.set(file, null);
        lookedThrough.add(file);
      }
      skipped = 0;
      await readPassed();
    },
    giveBack: (key, file) => {
      const known = passed.get(file);
      if (known !== null) remember(file, [...(known ?? []), hashKey(key)]);
    },
  };
}

function isEmpty(keys: Iterable<string>): boolean {
  return keys[Symbol.iterator]().next().done === true;
}

function fileOf(line: string): number {
  return readSegmentNumber(line.replace(/:.*/, '')) ?? 0;
}

/** FNV-1a: millions of keys must not stay whole. Where two are alike a file is read once more than it must. */
function hashKey(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at += 1) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}
