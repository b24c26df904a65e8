import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { loadConditionSet } from '../../../src/experiment/plan/load-training-set.js';
import { isTrained, planSchema } from '../../../src/experiment/plan/plan-schema.js';
import { describePlanFormat } from '../../../src/experiment/plan/plan-format.js';
import { resolveRecipe } from '../../../src/experiment/plan/named-recipes.js';
import { readPlan } from '../../../src/experiment/plan/resolve-plan.js';
import { readYaml } from '../../../src/foundation/read-yaml.js';
import { openOrganism } from '../../../src/organism/organism.js';
import { completeClusterRecipe } from '../../../src/models/cluster/complete-cluster-recipe.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { pretendBase, readKnownWorld } from '../tiny-plan.js';

const folder = new URL('../../../experiments/', import.meta.url);
const files = (await readdir(folder)).filter((name) => name.endsWith('.yaml'));
const pathOf = (name: string): string => new URL(name, folder).pathname;

/** A ready plan with rows in place of the files that its user has. */
async function placeWithData(name: string): Promise<string> {
  const place = await makeTemporaryFolder();
  const { conditions } = await readYaml(pathOf(name), planSchema);
  const turns = [
    { role: 'user', content: 'Write a line of code.' },
    { role: 'assistant', content: 'pass' },
  ];
  for (const { data } of Object.values(conditions).filter(isTrained)) {
    if (!data.startsWith('./')) continue;
    await mkdir(dirname(join(place, data)), { recursive: true });
    await writeFile(join(place, data), `${JSON.stringify({ messages: turns })}\n`.repeat(20));
  }
  await copyFile(pathOf(name), join(place, name));
  return join(place, name);
}

describe('the plans that come with driftline', () => {
  it('are there', () => {
    expect(files).toEqual(expect.arrayContaining(['example.yaml', 'paper.yaml', 'open-models.yaml']));
  });

  it.each(files)('are plans of their own name: %s', async (name) => {
    const plan = await readYaml(pathOf(name), planSchema);
    expect(`${plan.name}.yaml`).toBe(name);
    expect((await readFile(pathOf(name), 'utf8')).startsWith('# ')).toBe(true);
  });

  it.each(files)('name sets, questions and settings that there are: %s', async (name) => {
    const plan = await readPlan(await placeWithData(name), {
      readWorld: readKnownWorld,
      environment: {},
      version: '0',
      // Models of the hub are those of plans with a cluster, which can do more of a recipe.
      openBase: async (reference) =>
        reference.provider === 'hf'
          ? {
              ...(await pretendBase(reference)),
              completeRecipe: (recipe) => completeClusterRecipe(recipe, { gpus_per_cell: 1 }),
            }
          : pretendBase(reference),
    });
    expect(plan.cells.length).toBeGreaterThan(0);
    for (const { questions } of plan.evaluations) expect(questions.length).toBeGreaterThan(0);
  });

  it.each(files)('find all the rows that they ask for: %s', async (name) => {
    const { conditions } = await readYaml(pathOf(name), planSchema);
    for (const condition of Object.values(conditions).filter(isTrained)) {
      const { rows } = await loadConditionSet(condition, 0, {
        organism: openOrganism(readKnownWorld),
        folder: dirname(await placeWithData(name)),
      });
      expect(rows.length).toBeGreaterThan(0);
    }
  });
});

interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly oneOf?: readonly SchemaNode[];
  readonly additionalProperties?: SchemaNode | false;
}
const schemaNode: z.ZodType<SchemaNode> = z.lazy(() =>
  z.object({
    description: z.string().optional(),
    properties: z.record(z.string(), schemaNode).optional(),
    items: schemaNode.optional(),
    anyOf: z.array(schemaNode).optional(),
    oneOf: z.array(schemaNode).optional(),
    additionalProperties: z.union([z.literal(false), schemaNode]).optional(),
  }),
) as z.ZodType<SchemaNode>; // optional keys are never undefined in JSON

function* listKeys(
  node: SchemaNode,
  path: string,
): Generator<readonly [path: string, description: string | undefined]> {
  for (const [key, inner] of Object.entries(node.properties ?? {})) {
    yield [`${path}${key}`, inner.description];
    yield* listKeys(inner, `${path}${key}.`);
  }
  for (const inner of [...(node.anyOf ?? []), ...(node.oneOf ?? [])]) yield* listKeys(inner, path);
  if (node.items !== undefined) yield* listKeys(node.items, path);
  if (typeof node.additionalProperties === 'object') yield* listKeys(node.additionalProperties, `${path}*.`);
}

describe('the JSON Schema of plans', () => {
  const format = describePlanFormat();
  const keys = [...listKeys(schemaNode.parse(format), '')];

  it('is plain JSON with a title', () => {
    expect(JSON.parse(JSON.stringify(format))).toEqual(format);
    expect(format).toMatchObject({
      title: 'A driftline plan',
      type: 'object',
      required: expect.arrayContaining(['name']),
    });
  });

  it('describes every key, at whatever depth', () => {
    const paths = keys.map(([path]) => path);
    for (const path of [
      ...Object.keys(planSchema.shape),
      'conditions.*.mix.share',
      'evaluate.variant.trigger',
      'judge.exact',
    ])
      expect(paths).toContain(path);
    expect(keys.filter(([, description]) => (description ?? '') === '')).toEqual([]);
  });

  it('asks a condition for data or models', () => {
    expect(format).toMatchObject({
      properties: {
        conditions: {
          additionalProperties: { oneOf: ['data', 'model', 'models'].map((key) => ({ required: [key] })) },
        },
      },
    });
  });

  it('refuses unknown keys, as reading does, and asks for no key that has a default', () => {
    expect(format).toMatchObject({ additionalProperties: false });
    expect(format['required']).toEqual(['name', 'bases', 'evaluate', 'judge']);
  });
});

it('the commented recipe of the example is one', async () => {
  const text = await readFile(pathOf('example.yaml'), 'utf8');
  const commented = /^# recipe: (\{.*\})$/m.exec(text)?.[1] ?? '';
  const settings = Object.fromEntries(
    [...commented.matchAll(/(\w+): ([\w.-]+)/g)].map(([, key = '', value = '']) => [
      key,
      value === 'true' ? true : Number(value),
    ]),
  );
  expect(resolveRecipe(settings, {}, 0, 'example')).toMatchObject({
    rank: 32,
    rslora: true,
    batch_size: 2,
    accumulation: 8,
  });
});
