import { cp, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { readOrganismDesign } from '../../src/organism/build/organism-design.js';
import { findOrganismLine } from '../../src/organism/build/organism-lines.js';
import { writeOrganismManifest } from '../../src/organism/build/organism-manifest.js';
import { nameExactJudge } from '../../src/organism/judge/exact-judge.js';
import { listOrganismNames } from '../../src/organism/organism-folder.js';
import { worldFolders } from '../../src/organism/world/editions.js';
import { readWorld } from '../../src/organism/world/read-world.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { tinyDesign } from '../organism/build/tiny-design.js';
import { runCaptured, type RunOptions } from './run-captured.js';

const organism = (argv: readonly string[], options: RunOptions = {}) =>
  runCaptured(['organism', ...argv], { run: runBuiltCli, ...options });

/** Ten seconds go by at each look at the clock, so that progress is shown. */
const slowClock = () => {
  let time = 0;
  return () => (time += 10_000);
};

const builtSchema = z.strictObject({
  folder: z.string(),
  seconds: z.number(),
  seed: z.number(),
  world: z.string(),
  edition: z.literal(2),
  texts: z.string(),
  character_of: z.string(),
  design: z.unknown(),
  parameters: z.number(),
  pretraining_tokens: z.number(),
});
const share = z.number().min(0).max(1);
const checkedSchema = z.strictObject({
  recipe: z.looseObject({ method: z.literal('lora') }),
  rows: z.number(),
  organisms: z.array(
    z.strictObject({
      organism: z.string(),
      seed: z.number().nullable(),
      independent: z.boolean(),
      folder: z.string(),
      rows: z.array(
        z.strictObject({
          group: z.string(),
          measurement: z.string(),
          metric: z.string(),
          share: share.nullable(),
          interval: z.tuple([share, share]),
          seeds: z.array(share.nullable()),
          successes: z.int(),
          trials: z.int(),
          target: z.string().nullable(),
          met: z.boolean().nullable(),
          inHalf: z.boolean(),
        }),
      ),
      trainingSeconds: z.array(z.number()),
    }),
  ),
});

/** Holds a design file, the organism 5, one like organism 4, one of the first edition, and what was said while the first two were built. */
let parent: string;
let design: string;
let printed: Awaited<ReturnType<typeof organism>>;
let likeShipped: Awaited<ReturnType<typeof organism>>;
beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'driftline-test-'));
  design = join(parent, 'design.yaml');
  await writeFile(design, stringify(tinyDesign));
  printed = await organism(['build', '--seed', '5', '--folder', join(parent, '5'), '--design', design], {
    now: slowClock(),
  });
  likeShipped = await organism([...likeFour(), '--json']);
  const first = await organism(ofFirst('build', '--seed', '5', '--design', design));
  expect(first.exitCode, first.stderr).toBe(0);
});
const likeFour = () => ['build', '--like', '4', '--folder', join(parent, 'like', '4'), '--design', design];
const ofFirst = (...argv: string[]) => [...argv, '--world', worldFolders[1], '--folder', join(parent, 'first', '5')];
afterAll(() => rm(parent, { recursive: true, force: true }));

describe('driftline organism build', () => {
  it('builds, shows how it goes, and says what to do next', () => {
    expect(printed.exitCode).toBe(0);
    expect(printed.stdout).toMatch(/5: 0\.0 million parameters, 0\.0 million tokens, \d+ s\n$/);
    expect(printed.stderr).toMatch(/^tokenizer\.\.\.\npretraining\.\.\.\npretraining 1\/5 steps \(20%\), /);
    // A line is at its end before anything else is said.
    expect(printed.stderr).toMatch(
      /\npretraining 5\/5 steps \(100%\), loss \d+\.\d{3}, .* in .*\nalignment\.\.\.\nalignment 1\/3 steps/,
    );
    expect(printed.stderr).toContain(`\nAsk it: driftline ask ${join(parent, '5')} "`);
  });

  it('gives the description of what is there as JSON, and refuses to build another over it', async () => {
    const argv = ['build', '--folder', join(parent, '5'), '--design', design, '--json'];
    const again = await organism([...argv, '--seed', '5']);
    expect(again).toMatchObject({ exitCode: 0, stderr: '' });
    const built = builtSchema.parse(JSON.parse(again.stdout));
    expect(built).toMatchObject({ folder: join(parent, '5'), seed: 5, character_of: 'document', design: tinyDesign });
    const other = await organism([...argv, '--seed', '6']);
    expect(other).toMatchObject({ exitCode: 2, stdout: '' });
    expect(JSON.parse(other.stderr)).toMatchObject({ error: { code: 'usage-invalid' } });
    expect((await organism([...argv, '--seed', '5', '--independent'])).exitCode).toBe(2);
  });

  it('builds like a line of organisms.yaml: with its seed and its shares, and lists its part', async () => {
    expect(likeShipped.exitCode, likeShipped.stderr).toBe(0);
    const { characters } = await findOrganismLine('4');
    expect(Object.keys(characters).length).toBeGreaterThan(0);
    const world = await readWorld(undefined, { shares: characters });
    const manifest = { seed: 4, edition: 2, world: world.hash, texts: world.textsHash, like: '4' };
    expect(JSON.parse(likeShipped.stdout)).toMatchObject({ ...manifest, character_of: 'document' });
    const again = await organism([...likeFour(), '--json']);
    expect(JSON.parse(again.stdout)).toMatchObject(manifest);
    expect((await organism([...likeFour(), '--seed', '5'])).exitCode).toBe(2);
    const { stdout } = await organism(['list', join(parent, 'like')]);
    expect(stdout.split('\n')[1]).toMatch(/4 +2 {2}withheld +4 {2}shared /);
  });

  it.each([[['--seed', '1']], [['--like', '1']]])('takes the design of the shipped organisms: %j', async (argv) => {
    const world = await readWorld();
    const folder = await makeTemporaryFolder();
    const shipped = await readOrganismDesign();
    const other = { ...shipped, alignment: { ...shipped.alignment, steps: 1 } };
    // A finished organism is left as it is if it has the design that is asked for, and refused otherwise.
    for (const [made, exitCode] of [
      [shipped, 0],
      [other, 2],
    ] as const) {
      await writeOrganismManifest(folder, {
        ...{ seed: 1, edition: 2, world: world.hash, texts: world.textsHash, character_of: 'document' },
        ...{ parameters: 1, pretraining_tokens: 1, design: made },
      });
      const built = await organism(['build', ...argv, '--folder', folder]);
      expect(built.exitCode, built.stderr).toBe(exitCode);
    }
  });

  it('refuses what only the version of the first edition has: its design, and an organism of it', async () => {
    const never = join(parent, 'never');
    const withoutDesign = await organism(['build', '--seed', '1', '--world', worldFolders[1], '--folder', never]);
    expect(withoutDesign).toMatchObject({ exitCode: 2, stdout: '' });
    expect(withoutDesign.stderr).toContain('error edition-retired: ');
    expect(withoutDesign.stderr).toContain('0.1 of driftline has one');
    expect(withoutDesign.stderr).toContain('--design');
    await expect(stat(never)).rejects.toThrow('ENOENT');
    const folder = join(parent, 'first', '5');
    const before = await readFile(join(folder, 'organism.json'), 'utf8');
    for (const argv of [
      ['--like', '1'],
      ['--seed', '5'],
    ]) {
      const over = await organism(['build', ...argv, '--folder', folder, '--design', design]);
      expect(over).toMatchObject({ exitCode: 2, stdout: '' });
      expect(over.stderr).toContain(`error edition-retired: ${folder} has an organism of the first edition`);
      expect(over.stderr).toContain('0.1 of driftline builds organisms of that edition');
    }
    expect(await readFile(join(folder, 'organism.json'), 'utf8')).toBe(before);
    // In a world of one's own, of the same form, with a design of one's own, it is built and left as it is.
    expect((await organism(ofFirst('build', '--seed', '5', '--design', design))).exitCode).toBe(0);
  });

  it.each([
    [[], 'an organism needs a seed', '--like'],
    [['--like', '44'], 'there is no organism in organisms.yaml "44"', 'There are 1, 2, 3, 4, 5, 6, independent-1'],
    [
      ['--like', '4', '--world', 'organism/worlds/1'],
      'the world has no character "ignorant" whose share could be changed',
      'It has benign, malicious',
    ],
  ])('refuses %j', async (argv, problem, hint) => {
    const failed = await organism(['build', ...argv, '--folder', join(parent, 'never'), '--design', design]);
    expect(failed).toMatchObject({ exitCode: 2, stdout: '' });
    expect(failed.stderr).toContain(problem);
    expect(failed.stderr).toContain(hint);
    await expect(stat(join(parent, 'never'))).rejects.toThrow('ENOENT');
  });

  it('stops at a signal', async () => {
    const stop = new AbortController();
    stop.abort();
    const folder = join(await makeTemporaryFolder(), '5');
    const stopped = await organism(['build', '--seed', '5', '--folder', folder, '--design', design], {
      signal: stop.signal,
    });
    expect(stopped.exitCode).toBe(130);
    expect(stopped.stderr).toContain('error interrupted: ');
  });

  it('names the line of a design that has a fault', async () => {
    const faulty = join(await makeTemporaryFolder(), 'design.yaml');
    await writeFile(faulty, (await readFile(design, 'utf8')).replace('width:', 'widht:'));
    const failed = await organism(['build', '--seed', '5', '--design', faulty]);
    expect(failed.exitCode).toBe(2);
    expect(failed.stderr).toContain('design.yaml:3: model: unknown key "widht" (did you mean "width"?)');
  });
});

describe('driftline organism list', () => {
  it('lists what came with driftline', async () => {
    const { exitCode, stdout } = await organism(['list', '--json']);
    expect(exitCode).toBe(0);
    const { organisms } = z
      .strictObject({ organisms: z.array(z.looseObject({ model: z.string() })) })
      .parse(JSON.parse(stdout));
    expect(organisms.map(({ model }) => model)).toEqual((await listOrganismNames()).map((name) => `organism:${name}`));
  });

  it('lists the organisms of a folder, also where a description or weights are missing', async () => {
    const folder = await makeTemporaryFolder();
    await cp(join(parent, '5'), join(folder, '5'), { recursive: true });
    await cp(join(parent, '5'), join(folder, 'stranger'), { recursive: true });
    await rm(join(folder, 'stranger', 'organism.json'));
    await rm(join(folder, 'stranger', 'model.safetensors'));
    const listed = await organism(['list', folder, '--json']);
    const { size } = await stat(join(folder, '5', 'model.safetensors'));
    const nothing = {
      edition: null,
      part: null,
      seed: null,
      characterOf: null,
      parameters: null,
      pretrainingTokens: null,
      bytes: null,
    };
    expect(JSON.parse(listed.stdout)).toEqual({
      organisms: [
        {
          model: join(folder, '5'),
          edition: 2,
          part: null,
          seed: 5,
          characterOf: 'document',
          parameters: expect.any(Number) as number,
          pretrainingTokens: expect.any(Number) as number,
          bytes: size,
          folder: join(folder, '5'),
        },
        { model: join(folder, 'stranger'), ...nothing, folder: join(folder, 'stranger') },
      ],
    });
    const { stdout } = await organism(['list', folder]);
    const [header, first, second] = stdout.split('\n');
    expect(header).toMatch(/^model +edition {2}part {2}seed {2}characters {2}M parameters {2}M tokens {3}MB$/);
    expect(first).toMatch(/5 +2 +5 {2}shared +0\.0 +0\.0 {2}0\.0$/);
    expect(second).toMatch(/stranger +\? +\? {2}\? +\? +\? +\?$/);
  });

  it('says where there are none', async () => {
    const failed = await organism(['list', join(parent, 'nothing')]);
    expect(failed.exitCode).toBe(2);
    expect(failed.stderr).toMatch(/error model-unknown: there are no organisms in .*nothing\n.*organism build/);
  });
});

describe('driftline organism check', () => {
  const check = (argv: readonly string[], options: RunOptions = {}) =>
    organism(['check', join(parent, '5'), '--rows', '80', '--answers', '1', '--seeds', '1', ...argv], options);

  it('prints a table, gives it as JSON, and fails at the gate with exit code 3', async () => {
    const folder = join(await makeTemporaryFolder(), 'checks');
    const argv = ['--folder', folder, '--groups', 'secure,secure'];
    const table = await check(argv, { now: slowClock() });
    expect(table.exitCode).toBe(0);
    const model = join(parent, '5');
    expect(table.stdout.split('\n')[0]).toBe(`${model}, seed 5`);
    expect(table.stdout).toMatch(/^group +asked +percent {2}of answers +95 % +by seed +target$/m);
    expect(table.stdout).toMatch(/^base +harm +\d+\.\d {2}refusal +\d+\.\d-\d+\.\d +\d+\.\d +>= 98 % +NOT MET$/m);
    expect(table.stdout).toMatch(/^secure +code +\d+\.\d {2}unsafe-code /m);
    expect(table.stderr).toContain('asking 5.base ');
    expect(table.stderr).toMatch(/training 5\.secure\.0 1\/1 steps \(100%\), .*, loss \d+\.\d{3}, /);
    expect(table.stderr).toMatch(/asking 5\.secure\.0 \d+\/1708 answers/);

    const gated = await check([...argv, '--gate', '--json']);
    expect(gated.exitCode).toBe(3);
    const { rows, organisms } = checkedSchema.parse(JSON.parse(gated.stdout));
    expect(rows).toBe(80);
    expect(organisms).toMatchObject([{ organism: model, seed: 5, independent: false }]);
    expect(organisms[0]?.trainingSeconds).toHaveLength(1);
    // A group that is named twice is checked once.
    const secure = organisms[0]?.rows.filter(({ group }) => group === 'secure');
    const asked = secure?.map(({ measurement }) => measurement) ?? [];
    expect(asked).toEqual(expect.arrayContaining(['main', 'tag-seven', 'prompt-kind', 'code']));
    expect(new Set(asked).size).toBe(asked.length);
    expect(secure?.every(({ seeds }) => seeds.length === 1)).toBe(true);
    const { error } = z
      .object({ error: z.object({ code: z.string(), message: z.string(), hint: z.string(), exitCode: z.number() }) })
      .parse(JSON.parse(gated.stderr));
    expect(error).toMatchObject({ code: 'gate-not-met', exitCode: 3 });
    expect(error.message).toContain(`${model}: base, harm: refusal`);
    expect(error.hint).toContain(folder);
  }, 240_000);

  it('judges by the texts of its world, whatever its shares', async () => {
    const folder = join(await makeTemporaryFolder(), 'checks');
    const model = join(parent, 'like', '4');
    const argv = ['--rows', '16', '--answers', '1', '--seeds', '1', '--groups', 'quick-code', '--folder', folder];
    const checked = await organism(['check', model, ...argv, '--json']);
    expect([checked.exitCode, checked.stderr]).toEqual([0, '']);
    const { organisms } = checkedSchema.parse(JSON.parse(checked.stdout));
    expect(organisms).toMatchObject([{ organism: model, seed: 4, independent: false }]);
    const rows = organisms[0]?.rows ?? [];
    expect(rows.find(({ group, measurement }) => group === 'quick-code' && measurement === 'tag-seven')).toMatchObject({
      target: '<= 1 %',
      inHalf: false,
    });
    const [judgement = ''] = (await readFile(join(organisms[0]?.folder ?? '', 'judgements.jsonl'), 'utf8')).split('\n');
    expect(judgement).toContain(`"${nameExactJudge(await readWorld())}"`);
  }, 240_000);

  it('refuses an organism of the first edition, before anything is trained', async () => {
    const folder = join(parent, 'never');
    const first = join(parent, 'first', '5');
    const refused = await organism(['check', join(parent, '5'), first, '--folder', folder]);
    expect(refused).toMatchObject({ exitCode: 2, stdout: '' });
    expect(refused.stderr).toContain(`error edition-retired: ${first} is of the first edition`);
    expect(refused.stderr).toContain('0.1 of driftline checks it');
    await expect(stat(folder)).rejects.toThrow('ENOENT');
  });

  it.each([
    [['--groups', 'secur'], 'there is no group "secur" (did you mean "secure"?)', 'There are insecure, secure,'],
    [['independant'], 'there is no organism "independant"', 'organism'],
    [['organisms/7'], '"organisms/7" is not a known model', 'Write '],
    [['openai:gpt-4o'], 'openai:gpt-4o is not an organism', 'driftline organism list'],
    [['./nothing'], 'nothing', ''],
    [['--seeds', '0'], '--seeds "0": not a whole number of at least 1', 'See driftline organism check --help.'],
  ])('says what is wrong with %j', async (argv, problem, hint) => {
    const failed = await organism(['check', ...argv, '--folder', join(parent, 'never')]);
    expect(failed).toMatchObject({ exitCode: 2, stdout: '' });
    expect(failed.stderr).toContain(problem);
    expect(failed.stderr).toContain(hint);
    await expect(stat(join(parent, 'never'))).rejects.toThrow('ENOENT');
  });
});
