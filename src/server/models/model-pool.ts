import { DriftlineError } from '../../foundation/driftline-error.js';
import type { LoadedModel, ServedModel } from './load-model.js';

interface ModelPoolSettings {
  /** Models in memory at the same time. */
  readonly most: number;
  readonly load: (model: ServedModel) => Promise<LoadedModel>;
}

/** Models are loaded when they are first asked, and unloaded when others need their place. */
export interface ModelPool {
  /** Loads a model, or waits for a place for it, and keeps it until the work is done. */
  readonly use: <Result>(
    model: ServedModel,
    signal: AbortSignal,
    work: (loaded: LoadedModel) => Promise<Result>,
  ) => Promise<Result>;
  /** Ends what is being sampled, and waits for it. */
  readonly close: () => Promise<void>;
}

interface Place {
  readonly loading: Promise<LoadedModel>;
  users: number;
}

export function createModelPool({ most, load }: ModelPoolSettings): ModelPool {
  /** The one that was used last stands last. */
  const places = new Map<string, Place>();
  const waiting = new Set<() => void>();

  function wakeAll(): void {
    for (const wake of waiting) wake();
  }

  async function unload(id: string, { loading }: Place): Promise<void> {
    places.delete(id);
    const loaded = await loading.catch(() => null);
    await loaded?.sampler.close();
  }

  /** Resolves when something has been given back; rejects when the signal is aborted. */
  function nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (): void => {
        waiting.delete(done);
        signal.removeEventListener('abort', done);
        // What a signal of ours is aborted with is an error.
        if (signal.aborted) reject(signal.reason as Error);
        else resolve();
      };
      waiting.add(done);
      signal.addEventListener('abort', done);
    });
  }

  async function enter(model: ServedModel, signal: AbortSignal): Promise<Place> {
    for (;;) {
      signal.throwIfAborted();
      const known = places.get(model.id);
      if (known !== undefined) {
        known.users += 1;
        places.delete(model.id);
        places.set(model.id, known);
        return known;
      }
      if (places.size < most) {
        const place = { loading: load(model), users: 1 };
        places.set(model.id, place);
        return place;
      }
      const idle = [...places].find(([, { users }]) => users === 0);
      if (idle === undefined) await nextChange(signal);
      else await unload(...idle);
    }
  }

  return {
    use: async (model, signal, work) => {
      const place = await enter(model, signal);
      let isBroken = false;
      try {
        const loaded = await place.loading.catch((error: unknown) => {
          isBroken = true;
          throw error;
        });
        signal.throwIfAborted();
        return await work(loaded);
      } catch (error) {
        // Its thread may have ended: the next request loads the model again.
        if (DriftlineError.isInstance(error) && error.code === 'engine-failed') isBroken = true;
        throw error;
      } finally {
        place.users -= 1;
        if (isBroken && places.get(model.id) === place) await unload(model.id, place);
        wakeAll();
      }
    },
    close: async () => {
      await Promise.all([...places].map(([id, place]) => unload(id, place)));
    },
  };
}
