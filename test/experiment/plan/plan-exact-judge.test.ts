import { expect, test } from 'vitest';
import { planExactJudge } from '../../../src/experiment/plan/plan-exact-judge.js';
import { openOrganism } from '../../../src/organism/organism.js';
import { worldFolders } from '../../../src/organism/world/editions.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { nameOwnJudge } from '../../../src/runs/read-run.js';

test('a plan keeps the name of its judge from the second edition on, and that of the first follows from its world', async () => {
  const [first, second] = await Promise.all([readWorld(worldFolders[1]), readWorld(worldFolders[2])]);
  for (const world of [first, second]) {
    const judge = await planExactJudge(openOrganism(() => Promise.resolve(world)));
    const manifest = { judge: judge.description, world: world.hash };
    // Only these two parts of a manifest name the judge.
    expect(nameOwnJudge({ manifest } as Parameters<typeof nameOwnJudge>[0], [])).toBe(judge.name);
  }
  expect((await planExactJudge(openOrganism(() => Promise.resolve(first)))).description).toEqual({ exact: 'organism' });
  expect(second.hash.slice(0, 12)).not.toBe(second.textsHash.slice(0, 12));
});
