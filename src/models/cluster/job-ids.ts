/** What a job of a cluster is for. */
export type ClusterJobKind = 'train' | 'lane' | 'deliver';

const prefix = 'driftline';

/** A cell's place in STORAGE and in the names of its jobs: the first digits of the hash of all that decides what comes out of it. */
export function cellHash(mark: string): string {
  return mark.slice(0, 20);
}

/** A cell's job; a later one bears a number, where Ray holds the name of one that is gone. */
export function trainJobId(cell: string, number = 0): string {
  return `${prefix}-t-${cell}${number === 0 ? '' : `-${String(number)}`}`;
}

export function deliverJobId(hash: string): string {
  return `${prefix}-d-${hash.slice(0, 20)}`;
}

/** A lane of a run is followed by its next generation when its job has ended. */
export function laneJobId(run: string, lane: string, generation: number): string {
  return `${prefix}-s-${run}-${lane}-${String(generation)}`;
}

export function laneName(base: string, number: number): string {
  return `${base.slice(0, 12)}-${String(number)}`;
}

/** The generation of a lane's job; null where the id is another's. */
export function readLaneGeneration(id: string, run: string, lane: string): number | null {
  const start = laneJobId(run, lane, 0).slice(0, -1);
  const rest = id.startsWith(start) ? id.slice(start.length) : '';
  return /^\d+$/.test(rest) ? Number(rest) : null;
}

/** How far a cell or a lane is, as the name of one empty file tells. */
export interface JobProgress {
  readonly kind: 'train' | 'lane';
  /** The cell's hash, or the lane's name. */
  readonly name: string;
  readonly state: 'waiting' | 'running' | 'done' | 'fault';
  /** Steps of a cell, or answers of a lane; 0 where the state does not say. */
  readonly count: number;
  readonly loss: number | null;
}

/** Reads the name of a file of progress; null for what is none. */
export function parseProgress(file: string): JobProgress | null {
  const [, letter, name = '', state = ''] = /(?:^|\/)([ts])-([0-9a-z-]+)@([^/]+)$/.exec(file) ?? [];
  if (letter === undefined) return null;
  const kind = letter === 't' ? 'train' : 'lane';
  if (state === 'waiting' || state === 'done' || state === 'fault') return { kind, name, state, count: 0, loss: null };
  const [, count = '', loss] = /^(\d+)(?:@(-?[\d.]+|nan|inf))?$/.exec(state) ?? [];
  if (count === '') return null;
  return { kind, name, state: 'running', count: Number(count), loss: loss === undefined ? null : Number(loss) };
}
