import { expect, it, onTestFinished } from 'vitest';
import type { ClusterSight } from '../../../src/models/cluster/watch-cluster.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openTestCluster } from './open-test-cluster.js';
import { parseRecipe } from '../../../src/engine/train/recipe.js';

it('what a cluster does is seen with one request for all fine-tunes', async () => {
  const cluster = await openTestCluster();
  onTestFinished(cluster.close);
  cluster.jobs.stepTime = 40;
  const sights: ClusterSight[] = [];
  const base = await cluster.openBase({ onSight: (sight) => sights.push(sight) });
  const trainer = await base.openTrainer();
  const recipe = parseRecipe({
    method: 'lora',
    rank: 1,
    alpha: 1,
    learning_rate: 0.01,
    batch_size: 1,
    accumulation: 1,
  });
  const rows = ['a', 'b', 'c', 'd', 'e', 'f'].map((content) => ({
    messages: [
      { role: 'user', content },
      { role: 'assistant', content },
    ] as const,
  }));
  await Promise.all(
    [0, 1].map(async (seed) =>
      trainer.train({
        rows: rows.map(({ messages }) => ({ messages: [...messages] })),
        recipe: { ...recipe, seed },
        folder: await makeTemporaryFolder(),
      }),
    ),
  );
  expect(sights.length).toBeGreaterThan(0);
  for (const { waiting, training, answering, gpus } of sights) {
    expect(waiting + training).toBeLessThanOrEqual(2);
    expect(answering).toBe(0);
    expect(gpus.used).toBeLessThanOrEqual(gpus.total);
  }
  expect(Math.max(...sights.map(({ training }) => training))).toBeGreaterThan(0);
});
