import { json, type Route } from '../http/exchange.js';
import type { ModelRegistry } from './model-registry.js';
import { describeModel } from './load-model.js';

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
