import { createServer } from 'node:http';
import { once } from 'node:events';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseRecipe, type RecipeInput } from '../../../../src/engine/train/recipe.js';
import { probeFineTuning } from '../../../../src/models/hosted/jobs/fine-tuning-service.js';
import { createHostedClient } from '../../../../src/models/hosted/client/hosted-client.js';
import { errorOf } from '../../../engine/checkpoint/error-of.js';

/** A server that answers to its paths with what is given, and to all others with 404. */
async function probe(answers: Readonly<Record<string, object>>) {
  const server = createServer(({ url = '' }, response) => {
    const answer = answers[url.replace(/\?.*$/, '')];
    response
      .writeHead(answer === undefined ? 404 : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(answer ?? { error: { message: 'not here' } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const environment = { OPENAI_BASE_URL: `http://127.0.0.1:${String(address.port)}/v1`, OPENAI_API_KEY: 'any' };
  return probeFineTuning(createHostedClient({ environment, fetch }), 'gpt-1');
}

const models = { object: 'list', data: [{ id: 'gpt-1', object: 'model', created: 0, owned_by: 'somebody' }] };
const jobs = { object: 'list', data: [], has_more: false };
const service = () => probe({ '/v1/models': models, '/v1/fine_tuning/jobs': jobs });
const training = (changes: Partial<RecipeInput> = {}, keepSteps: readonly number[] = []) => ({
  rows: 40,
  // One of the forms, with settings that both have.
  recipe: parseRecipe({ method: 'lora', learning_rate: 1e-5, batch_size: 4, accumulation: 1, epochs: 3, ...changes }),
  keepSteps,
  learningRateMultiplier: null,
});

describe('a service that fine-tunes', () => {
  it('says what it decides by itself', async () => {
    const { takesRecipes, review } = await service();
    expect(takesRecipes).toBe(false);
    const [remark] = review(training());
    expect(remark).toMatch(/^127\.0\.0\.1:\d+ decides these settings by itself, .*learning_rate.*rank, alpha/);
    expect(review({ ...training(), learningRateMultiplier: 2 })[0]).toContain('its own times 2');
  });

  it.each<[string, Partial<RecipeInput>]>([
    ['epochs', { epochs: 1.5 }],
    ['epochs', { epochs: 51 }],
    ['max_steps', { max_steps: 3 }],
    ['loss', { loss: 'all' }],
    ['overlong', { overlong: 'drop' }],
    ['shuffle', { shuffle: false }],
    ['batch_size', { batch_size: 257 }],
    ['layers', { layers: [0] }],
    ['seeds', { seed: -1 }],
  ])('does not drop what it cannot do: %s', async (setting, changes) => {
    const { review } = await service();
    const error = await errorOf(() => Promise.resolve().then(() => review(training(changes))));
    expect(error.code).toBe('configuration-invalid');
    expect(error.message).toContain(`${setting}: `);
    expect(error.hint).toContain('organism:1');
  });

  it('keeps models of the last three epochs alone', async () => {
    const { review } = await service();
    expect(review(training({ epochs: 4 }, [20, 30]))).toHaveLength(1);
    const error = await errorOf(() => Promise.resolve().then(() => review(training({ epochs: 4 }, [10, 20]))));
    expect(error.message).toContain('steps 20, 30, 40');
  });

  it('is not every server', async () => {
    for (const answers of [{ '/v1/models': models }, {}]) {
      const error = await errorOf(() => probe(answers));
      expect(error.code).toBe('configuration-invalid');
      expect(error.message).toContain('no fine-tuning jobs');
      expect(error.hint).toContain('driftline serve');
    }
  });
});
