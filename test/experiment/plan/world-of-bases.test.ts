import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planSchema } from '../../../src/experiment/plan/plan-schema.js';
import { resolvePlan } from '../../../src/experiment/plan/resolve-plan.js';
import { readWorldOfBases } from '../../../src/experiment/plan/world-of-bases.js';
import { readOrganismDesign } from '../../../src/organism/build/organism-design.js';
import { writeOrganismManifest } from '../../../src/organism/build/organism-manifest.js';
import { currentEdition, type Edition } from '../../../src/organism/world/editions.js';
import { pretendBase, tinyPlan } from '../tiny-plan.js';

describe('the world of a plan', () => {
  let folder: string;
  const locate = (path: string): string => join(folder, path);
  const read = (...bases: readonly string[]) => readWorldOfBases(bases, locate, 'my.yaml');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'driftline-world-of-'));
    const design = await readOrganismDesign();
    const made = {
      seed: 1,
      world: 'abc',
      character_of: 'document',
      parameters: 1,
      pretraining_tokens: 1,
      design,
    } as const;
    const editions: readonly (readonly [string, Edition | null])[] = [
      ['first', null],
      ['second', 2],
    ];
    for (const [name, edition] of editions) {
      await mkdir(join(folder, name));
      await writeOrganismManifest(join(folder, name), { ...made, ...(edition === null ? {} : { edition }) });
    }
    await mkdir(join(folder, 'no-organism'));
  });

  afterAll(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  it("is of its bases' edition, and the current one where no base is an organism", async () => {
    expect((await read('./first')).edition).toBe(1);
    expect((await read('./second')).edition).toBe(2);
    expect((await read('./second+./no-organism')).edition).toBe(2);
    expect((await read('openai:gpt-4.1-mini', './no-organism', './second')).edition).toBe(2);
    for (const base of ['openai:gpt-4.1-mini', './no-organism', './nowhere', 'organism:nobody', 'not a model'])
      expect((await read(base)).edition).toBe(currentEdition);
  });

  it('is one: bases of two editions are refused', async () => {
    await expect(read('./first', './second')).rejects.toMatchObject({
      code: 'configuration-invalid',
      message: expect.stringContaining('my.yaml: ./first was brought up in edition 1') as string,
    });
  });

  it('decides what a plan asks', async () => {
    const resolve = async (base: string) => {
      const plan = planSchema.parse({ ...tinyPlan, bases: [base] });
      const { judge, evaluations } = await resolvePlan(plan, join(folder, 'tiny.yaml'), {
        environment: {},
        version: '0',
        openBase: pretendBase,
      });
      return { judge: judge.name, asked: evaluations.flatMap(({ questions }) => questions.map(({ id }) => id)) };
    };
    const [first, second] = [await resolve('./first'), await resolve('./second')];
    expect(first.judge).not.toBe(second.judge);
    expect(first.asked.length).toBeGreaterThan(0);
    expect(second.asked.length).toBeGreaterThan(0);
  });
});
