import { limitConcurrency } from '../../foundation/limit-concurrency.js';
import type { BatchSettings } from '../../models/hosted/batches/batch-settings.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import type { BaseModel } from '../../models/base-model.js';
import type { Sampler } from '../../models/sampler.js';
import type { Trainer, TunedModel } from '../../models/trainer.js';

/** How many cells run at the same time. */
export interface CellsAtOnce {
  /** Of models that run here. */
  readonly here: number;
  /** At each server of hosted models. */
  readonly hosted: number;
}

/** A place that trains and asks one cell at a time. */
export interface Bench {
  readonly openTrainer: () => Promise<Trainer>;
  /** Opens the base itself (null), or a model fine-tuned from it. */
  readonly openSampler: (tuned: TunedModel | null) => Promise<Sampler>;
  /** Whether open answers cost money, so that they are awaited even if others fail. */
  readonly isPaid: boolean;
  /** Whether training blocks this process, so that nothing else, such as judging, can run. */
  readonly isBlocking: boolean;
  /** Waits until a model can be asked for so many answers; asks at once where it is left out. */
  readonly takeTurn?: <Result>(answers: number, ask: () => Promise<Result>) => Promise<Result>;
  readonly close: () => Promise<void>;
}

export interface CellPlacesSettings {
  readonly cellsAtOnce: CellsAtOnce;
  /** Hosted models are asked in batches. */
  readonly batches?: BatchSettings;
  /** Counts what hosted models cost. */
  readonly spending?: SpendingLedger;
}

/** This machine and the servers of hosted models, each of which runs some cells at once. */
export interface CellPlaces {
  /** Waits for a bench for the base, in the order of the calls, and frees it when the work is done. */
  readonly use: (base: BaseModel, work: (bench: Bench) => Promise<void>) => Promise<void>;
  /** Ends the processes that were started. Called when all work is done. */
  readonly close: () => Promise<void>;
}

export function createCellPlaces({ cellsAtOnce, ...asked }: CellPlacesSettings): CellPlaces {
  const places = new Map<string | null, CellPlaces>();
  return {
    use: (base, work) => {
      const { endpoint } = base;
      const place =
        places.get(endpoint) ??
        (base.isOnCluster
          ? createPlace(Infinity, openBenchesThere(cellsAtOnce.hosted, asked.spending))
          : endpoint === null
            ? createPlace(cellsAtOnce.here, (one) => openBenchHere(one, cellsAtOnce.here, asked.spending))
            : createPlace(cellsAtOnce.hosted, rememberHosted(asked)));
      places.set(endpoint, place);
      return place.use(base, work);
    },
    close: async () => {
      for (const place of places.values()) await place.close();
    },
  };
}

function createPlace(most: number, openBench: (base: BaseModel) => Promise<Bench>): CellPlaces {
  const enter = limitConcurrency(most);
  /** Benches kept open for the next cell of the same base, which finds its weights in memory. */
  const idle: { readonly base: BaseModel; readonly bench: Bench }[] = [];
  return {
    use: (base, work) =>
      enter(async () => {
        const same = idle.findIndex((one) => one.base === base);
        const [kept] = idle.splice(Math.max(0, same), 1);
        if (kept !== undefined && same === -1) await kept.bench.close();
        const bench = kept !== undefined && same !== -1 ? kept.bench : await openBench(base);
        try {
          await work(bench);
        } finally {
          idle.push({ base, bench });
        }
      }),
    close: async () => {
      await Promise.all(idle.splice(0).map(({ bench }) => bench.close()));
    },
  };
}

/** In this process if cells run one at a time, else in a process of its own. */
async function openBenchHere(base: BaseModel, atOnce: number, spending?: SpendingLedger): Promise<Bench> {
  if (atOnce > 1 && base.openProcess !== null)
    return { ...(await base.openProcess(atOnce)), isBlocking: false, isPaid: false };
  return {
    // A service may train what is asked here.
    openTrainer: rememberTrainer(base, spending),
    openSampler: (tuned) => base.openSampler(tuned),
    isPaid: false,
    isBlocking: base.engine !== null,
    close: () => Promise.resolve(),
  };
}

/** Models of a cluster that are asked at the same time, and their answers: each answer that is waited for takes memory here. */
const askedOnCluster = { models: 64, answers: 100_000 };

/**
 * On a cluster, which chooses what runs when: cells that are trained take nothing here. What a service trains does, and
 * is begun as many at a time as at a service that answers, too.
 */
function openBenchesThere(trainedAtOnce: number, spending?: SpendingLedger): (base: BaseModel) => Promise<Bench> {
  const takeTurn = limitAsking(askedOnCluster);
  const train = limitConcurrency(trainedAtOnce);
  const open = (base: BaseModel): (() => Promise<Trainer>) => {
    const openTrainer = rememberTrainer(base, spending);
    if (base.trainedAt === undefined) return openTrainer;
    return async () => {
      const trainer = await openTrainer();
      return { ...trainer, train: (job, options) => train(() => trainer.train(job, options)) };
    };
  };
  const trainers = new Map<BaseModel, () => Promise<Trainer>>();
  return (base) => {
    const openTrainer = trainers.get(base) ?? open(base);
    trainers.set(base, openTrainer);
    return Promise.resolve({
      openTrainer,
      takeTurn,
      openSampler: (tuned) => base.openSampler(tuned),
      // What is under way goes on there, and a later run finds it.
      isPaid: false,
      isBlocking: false,
      close: () => Promise.resolve(),
    });
  };
}

/** So many at the same time, in the order of the calls; one that is more than all may have goes alone. */
function limitAsking(most: { readonly models: number; readonly answers: number }): NonNullable<Bench['takeTurn']> {
  const waiting: { readonly answers: number; readonly go: () => void }[] = [];
  const now = { models: 0, answers: 0 };
  const start = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const fits = now.models < most.models && now.answers + next.answers <= most.answers;
      if (now.models > 0 && !fits) return;
      waiting.shift();
      now.models += 1;
      now.answers += next.answers;
      next.go();
    }
  };
  return async (answers, ask) => {
    await new Promise<void>((go) => {
      waiting.push({ answers, go });
      start();
    });
    try {
      return await ask();
    } finally {
      now.models -= 1;
      now.answers -= answers;
      start();
    }
  };
}

/** Benches of one base share a trainer. */
function rememberHosted({
  batches,
  spending,
}: Omit<CellPlacesSettings, 'cellsAtOnce'>): (base: BaseModel) => Promise<Bench> {
  const trainers = new Map<BaseModel, () => Promise<Trainer>>();
  const asked = {
    ...(batches === undefined ? {} : { batches }),
    ...(spending === undefined ? {} : { spending }),
  };
  return (base) => {
    const openTrainer = trainers.get(base) ?? rememberTrainer(base, spending);
    trainers.set(base, openTrainer);
    return Promise.resolve({
      openTrainer,
      openSampler: (tuned) => base.openSampler(tuned, asked),
      // Batches continue at the service, and a later run finds them.
      isPaid: batches === undefined,
      isBlocking: false,
      close: () => Promise.resolve(),
    });
  };
}

function rememberTrainer({ openTrainer }: BaseModel, spending?: SpendingLedger): () => Promise<Trainer> {
  let trainer: Promise<Trainer> | null = null;
  return () => {
    // resolvePlan refuses such a plan.
    if (openTrainer === null) throw new Error('a cell of a base that cannot be trained');
    return (trainer ??= openTrainer(spending));
  };
}
