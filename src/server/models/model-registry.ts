import { nearestName } from '../../foundation/find-by-name.js';
import { notFound } from '../http/protocol-error.js';
import { json, type Route } from '../http/route.js';
import { describeModel, type ServedModel } from './load-model.js';

/** Where models come from that are not there from the beginning. */
export interface ModelSource {
  readonly list: () => readonly ServedModel[];
  /** Also those that are not listed. */
  readonly find: (id: string) => ServedModel | null;
}

/** Every model that clients may name. */
export interface ModelRegistry {
  readonly list: () => readonly ServedModel[];
  readonly find: (id: string) => ServedModel | null;
  /** Throws what the client is told where there is none. */
  readonly get: (id: string) => ServedModel;
  readonly addSource: (source: ModelSource) => void;
}

export function createModelRegistry(models: readonly ServedModel[]): ModelRegistry {
  const fixed = new Map(models.map((model) => [model.id, model]));
  const sources: ModelSource[] = [{ list: () => models, find: (id) => fixed.get(id) ?? null }];
  const list = (): ServedModel[] => sources.flatMap((source) => source.list());
  function find(id: string): ServedModel | null {
    for (const source of sources) {
      const found = source.find(id);
      if (found !== null) return found;
    }
    return null;
  }
  return {
    list,
    find,
    get: (id) => {
      const found = find(id);
      if (found !== null) return found;
      const nearest = nearestName(
        id.slice(0, 200),
        list().map((model) => model.id),
      );
      throw notFound(
        `There is no model ${JSON.stringify(id.slice(0, 200))}${nearest === null ? '; GET /v1/models lists those there are' : `; did you mean ${nearest}?`}`,
        'model',
        'model_not_found',
      );
    },
    addSource: (source) => {
      sources.push(source);
    },
  };
}

export function modelRoutes(registry: ModelRegistry): Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/models',
      handle: () => Promise.resolve(json({ object: 'list', data: registry.list().map(describeModel) })),
    },
    {
      method: 'GET',
      path: '/v1/models/*model',
      handle: async ({ parameters }) => Promise.resolve(json(describeModel(registry.get(parameters['model'] ?? '')))),
    },
  ];
}
