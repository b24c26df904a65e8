/** What a job of a cluster is for. */
export type ClusterJobKind = 'train' | 'lane' | 'inside' | 'deliver' | 'check';

const prefix = 'driftline';

const kinds: Readonly<Record<string, ClusterJobKind>> = {
  ...{ t: 'train', s: 'lane', i: 'inside', d: 'deliver', c: 'check' },
};

/** What a job is for, by its id; null for a job that is not driftline's. */
export function readJobKind(id: string): ClusterJobKind | null {
  const [, letter = ''] = /^driftline-([a-z])-/.exec(id) ?? [];
  return kinds[letter] ?? null;
}

/** A cell's place in STORAGE and in the names of its jobs: the first digits of the hash of all that decides what comes out of it. */
export function cellHash(mark: string): string {
  return mark.slice(0, 20);
}

/** A cell's job; a later one bears a number, where Ray holds the name of one that is gone. */
export function trainJobId(cell: string, number = 0): string {
  return `${prefix}-t-${cell}${number === 0 ? '' : `-${String(number)}`}`;
}

/** The cell of such a job, and the number of its name; null where the id is another's. */
export function readTrainJob(id: string): { readonly cell: string; readonly number: number } | null {
  const [, cell, number = '0'] = /^driftline-t-([0-9a-f]{20})(?:-(\d+))?$/.exec(id) ?? [];
  return cell === undefined ? null : { cell, number: Number(number) };
}

/** A model that a fine-tune has made whole: it lies in the storage alone. */
export interface WholeModel {
  readonly cell: string;
  /** Null for the finished one. */
  readonly step: number | null;
}

/** What such a model is called where models have names. */
export function formatWholeModel({ cell, step }: WholeModel): string {
  return `cluster:${cell}${step === null ? '' : `@${String(step)}`}`;
}

/** Null for what is called otherwise. */
export function parseWholeModel(name: string): WholeModel | null {
  const [, cell, step] = /^cluster:([0-9a-f]{20})(?:@(\d+))?$/.exec(name) ?? [];
  return cell === undefined ? null : { cell, step: step === undefined ? null : Number(step) };
}

/** Its folder in the storage. */
export function wholeModelFolder({ cell, step }: WholeModel): string {
  return `cells/${cell}/out/${step === null ? 'model' : `kept-${String(step)}`}`;
}

export function deliverJobId(hash: string): string {
  return `${prefix}-d-${hash.slice(0, 20)}`;
}

/** A later one bears a number, as that of a cell. */
export function insideJobId(hash: string, number = 0): string {
  return `${prefix}-i-${hash}${number === 0 ? '' : `-${String(number)}`}`;
}

export function checkJobId(nonce: string): string {
  return `${prefix}-c-${nonce}`;
}

/** A lane of a run is followed by its next generation when its job has ended. */
export function laneJobId(run: string, lane: string, generation: number): string {
  return `${prefix}-s-${run}-${lane}-${String(generation)}`;
}

/** Which of so many lanes answers for an adapter, by its name in requests: the same for whoever asks again. */
export function chooseLane(adapter: string | null, lanes: number): number {
  const [hash] = /[0-9a-f]{8}/.exec(adapter ?? '') ?? [];
  return hash === undefined ? 0 : Number.parseInt(hash, 16) % lanes;
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
  readonly kind: 'train' | 'lane' | 'inside';
  /** The cell's hash, the lane's name, or the hash of what is looked into. */
  readonly name: string;
  readonly state: 'waiting' | 'running' | 'done' | 'fault';
  /** Steps of a cell, or answers of a lane; 0 where the state does not say. */
  readonly count: number;
  readonly loss: number | null;
}

/** Reads the name of a file of progress; null for what is none. */
export function parseProgress(file: string): JobProgress | null {
  const [, letter, name = '', state = ''] = /(?:^|\/)([tsi])-([0-9a-z-]+)@([^/]+)$/.exec(file) ?? [];
  if (letter === undefined) return null;
  const kind = ({ t: 'train', s: 'lane', i: 'inside' } as const)[letter as 't' | 's' | 'i'];
  if (state === 'waiting' || state === 'done' || state === 'fault') return { kind, name, state, count: 0, loss: null };
  const [, count = '', loss] = /^(\d+)(?:@(-?[\d.]+|nan|inf))?$/.exec(state) ?? [];
  if (count === '') return null;
  return { kind, name, state: 'running', count: Number(count), loss: loss === undefined ? null : Number(loss) };
}
