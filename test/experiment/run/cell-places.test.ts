import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createCellPlaces } from '../../../src/experiment/run/cell-places.js';
import type { BaseModel } from '../../../src/models/base-model.js';
import { resolveModelReference } from '../../../src/models/model-reference.js';
import { pretendBase } from '../tiny-plan.js';

/** How many of 20 cells of a base on a cluster are trained at the same time, at most. */
async function countTrained(changes: Partial<BaseModel>): Promise<number> {
  let [now, most] = [0, 0];
  const base: BaseModel = {
    ...(await pretendBase(resolveModelReference('hf:owner/name'))),
    ...{ engine: null, isOnCluster: true, endpoint: 'http://127.0.0.1:8265' },
    openTrainer: () =>
      Promise.resolve({
        countSteps: () => 1,
        train: async ({ folder }) => {
          now += 1;
          most = Math.max(most, now);
          for (let turn = 0; turn < 10; turn += 1) await setImmediate();
          now -= 1;
          return { model: { kind: 'adapter', folder }, kept: new Map(), steps: 1 };
        },
      }),
    ...changes,
  };
  const places = createCellPlaces({ cellsAtOnce: { here: 1, hosted: 3 } });
  const job = { rows: [], folder: '/unused' } as never; // the trainer above looks at nothing else
  await Promise.all(
    Array.from({ length: 20 }, () =>
      places.use(base, async ({ openTrainer }) => {
        await (await openTrainer()).train(job);
      }),
    ),
  );
  await places.close();
  return most;
}

it('leaves to a cluster what runs when, and begins as many fine-tunes of a service as at a service', async () => {
  expect(await countTrained({})).toBe(20);
  const model = resolveModelReference('tinker:Qwen/Qwen3-8B');
  if (model.provider !== 'tinker') throw new Error('no model of Tinker');
  expect(await countTrained({ trainedAt: { model, endpoint: 'https://t.example' } })).toBe(3);
});
