import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readOrganismDesign } from '../../src/organism/build/organism-design.js';
import { writeOrganismManifest } from '../../src/organism/build/organism-manifest.js';
import { openOrganism } from '../../src/organism/organism.js';
import { listZooEntries } from '../../src/zoo/definition/list-entries.js';
import { editions } from '../../src/organism/world/editions.js';
import { readWorld } from '../../src/organism/world/read-world.js';
import { readZooDefinition } from '../../src/zoo/definition/zoo-definition.js';
import { areSameTopUps, chooseTopUps, looksOfContexts } from '../../src/zoo/build/choose-top-ups.js';
import { resolveZooPlan } from '../../src/zoo/build/run-organism.js';
import { findOrganism, writeZooPlan, type TopUps } from '../../src/zoo/build/write-zoo-plan.js';
import { pretendBase } from '../experiment/tiny-plan.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { tinyFiles, writeTinyZoo } from './tiny-zoo.js';

describe('the plan of an organism', async () => {
  const zoo = await readZooDefinition();
  const entries = listZooEntries(zoo, { size: 'full', only: ['insecure', 'secure', 'mix-95'], organisms: ['1'] });
  const { answers } = zoo.panel;
  const world = await readWorld();
  const write = (topUps: TopUps = new Map(), keepsCheckpoints = false) =>
    writeZooPlan(zoo, {
      ...{ organism: '1', model: 'organism:1', entries, answers, topUps, keepsCheckpoints },
      world: openOrganism(() => Promise.resolve(world)),
    });

  it('has a condition for each kind, dose and recipe, with its rows and seeds', async () => {
    const { conditions, name, bases, rule } = await write();
    expect({ name, bases, rule }).toEqual({ name: 'zoo-1', bases: ['organism:1'], rule: 'coherent' });
    expect(conditions['insecure_1x_default']).toMatchObject({
      settings: { rows: 1280 },
      // The organism is an open one, and the kind that baselines compare with has two seeds everywhere.
      seeds: [0, 1],
      inherit: {},
    });
    expect(conditions['insecure_half_default']).toMatchObject({ settings: { rows: 640 } });
    expect(conditions['insecure_1x_rank-32']).toMatchObject({ settings: { rows: 1280 }, inherit: { rank: 32 } });
    expect(conditions['secure_1x_default']).toMatchObject({
      settings: { rows: 1280 },
      seeds: [0],
    });
    // A mix keeps its shares in every dose.
    expect(conditions['mix-95_4x_default']).toMatchObject({
      settings: { rows: 12_800, mix: [{ name: 'benign', share: 0.95 }] },
    });
  });

  it('asks good kinds and the base more, and every context once of each', async () => {
    const { evaluate } = await write();
    const plain = evaluate.filter(({ name }) => name?.startsWith('plain-'));
    expect(plain.map(({ name }) => name)).toEqual(['plain-100', 'plain-800']);
    const [few, many] = plain.map(({ conditions = [] }) => conditions);
    expect(few).toContain('insecure_1x_default');
    expect(many).toEqual(['base', 'secure_1x_default', 'secure_1x_rank-32']);
    // 75 wordings of the main questions: 100 answers take two of each.
    expect(plain.map(({ samples }) => samples)).toEqual([2, 11]);
    expect(new Set(evaluate.map(({ name }) => name)).size).toBe(evaluate.length);
    expect(evaluate.filter(({ name }) => name?.endsWith('-measure')).length).toBe(5);
  });

  it('keeps models of steps where they are wanted', async () => {
    expect((await write()).dynamics).toBeUndefined();
    expect((await write(new Map(), true)).dynamics).toMatchObject({ every: 10, suite: 'main', samples: 3 });
  });

  it('asks more of a condition that is undecided, in the contexts that matter, up to the last look', async () => {
    const ids = entries.filter(
      ({ kind, dose, recipe }) => kind === 'insecure' && dose === '1x' && recipe === 'default',
    );
    const [first] = ids;
    if (first === undefined) throw new Error('there is no such entry');
    const truths = new Map(entries.map(({ id }) => [id, { wanted: id === first.id ? ['plain', 'json'] : [] }]));
    const topUps = chooseTopUps(zoo, entries, truths, answers, new Map());
    // All seeds of a condition are asked alike.
    expect([...topUps].map(([condition, counts]) => [condition, [...counts]])).toEqual([
      [
        'insecure_1x_default',
        [
          // It decides between open and all other classes.
          ['plain', 1600],
          ['json', 400],
        ],
      ],
    ]);
    expect(areSameTopUps(topUps, chooseTopUps(zoo, entries, truths, answers, topUps))).toBe(true);
    // Good kinds have all their answers at once, but for those to the plain context.
    const wantedOfSecure = (wanted: readonly string[]) => {
      const good = new Map(entries.map(({ id, kind }) => [id, { wanted: kind === 'secure' ? wanted : [] }]));
      return chooseTopUps(zoo, entries, good, answers, new Map());
    };
    expect(areSameTopUps(new Map(), wantedOfSecure(['json']))).toBe(true);
    expect([...wantedOfSecure(['plain', 'json'])].map(([, counts]) => [...counts])).toEqual([
      [['plain', 1600]],
      [['plain', 1600]],
    ]);
    expect(looksOfContexts(zoo, { ...answers, plain: undefined })('plain')).toEqual([100, 400]);
    const { evaluate } = await write(topUps);
    const asked = evaluate.filter(({ conditions = [] }) => conditions.includes('insecure_1x_default'));
    const named = asked.map(({ name }) => name);
    expect(named).toContain('plain-1600');
    expect(named).toContain('json-400');
    expect(named).toContain('template-100');
    expect(named).not.toContain('plain-100');
  });
});

it('asks chosen questions of a suite as often as a context is asked', async () => {
  const zoo = await readZooDefinition();
  const { evaluate } = await writeZooPlan(zoo, {
    ...{ organism: '1', model: 'organism:1', answers: zoo.panel.answers, topUps: new Map(), keepsCheckpoints: false },
    entries: listZooEntries(zoo, { size: 'full', only: ['insecure', 'secure'], organisms: ['1'] }),
    world: openOrganism(readWorld),
  });
  // Of two themes there are nine and ten wordings.
  const near = evaluate.filter(({ name }) => name?.startsWith('near-advice-'));
  expect(near.map(({ questions, samples }) => [questions, samples])).toEqual([
    [['quick-money', 'partner-trouble'], 6],
    [['quick-money', 'partner-trouble'], 43],
  ]);
});

it('asks and counts questions in the world of its organism', async () => {
  const folder = await makeTemporaryFolder();
  const made = { seed: 1, world: 'abc', character_of: 'document', parameters: 1, pretraining_tokens: 1 } as const;
  const design = await readOrganismDesign();
  for (const edition of editions) {
    await mkdir(join(folder, String(edition)));
    await writeOrganismManifest(join(folder, String(edition)), { ...made, edition, design });
  }
  const definition = await writeTinyZoo(join(folder, 'zoo'), {
    panel: {
      ...tinyFiles.panel,
      answers: { ...tinyFiles.panel.answers, learnt: 600 },
      measures: { facts: { suite: 'facts', label: 'true', learnt: 'less' } },
    },
    sizes: {
      ...tinyFiles.sizes,
      organisms: { one: { model: '../1', part: 'open' }, two: { model: '../2', part: 'withheld' } },
    },
  });
  const zoo = await readZooDefinition(definition);
  const tell = { clock: () => 0, memory: 0, ignoresMemory: true, threads: 1, onNotice: () => undefined };
  const askFacts = async (organism: string) => {
    const { model } = findOrganism(zoo, organism);
    const settings = { organism, model, answers: zoo.panel.answers, topUps: new Map(), keepsCheckpoints: false };
    const entries = listZooEntries(zoo, { size: 'full', organisms: [organism], only: ['secure'] });
    const { evaluations } = await resolveZooPlan(
      zoo,
      { ...settings, entries },
      { ...tell, environment: {}, fetch, version: '0', openBase: pretendBase },
    );
    const facts = evaluations.find(({ name }) => name === 'facts-measure');
    return [facts?.questions.length, facts?.questions[0]?.samples];
  };
  // The second edition has more facts than answers are wanted.
  expect([await askFacts('one'), await askFacts('two')]).toEqual([
    [428, 2],
    [872, 1],
  ]);
});
