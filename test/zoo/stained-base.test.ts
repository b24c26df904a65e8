import { appendFile, cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { runCli as runBuiltCli } from '../../dist/cli/run-cli.js';
import { mergeAdapter } from '../../src/engine/checkpoint/merge-adapter.js';
import { readAdapter } from '../../src/engine/checkpoint/read-adapter.js';
import { readCheckpoint } from '../../src/engine/checkpoint/read-checkpoint.js';
import { hashFile } from '../../src/foundation/hash-file.js';
import { identifyModelFolder } from '../../src/models/embedded/identify-model-folder.js';
import { readOrganismDesign } from '../../src/organism/build/organism-design.js';
import { writeOrganismManifest } from '../../src/organism/build/organism-manifest.js';
import { currentEdition } from '../../src/organism/world/editions.js';
import { readZooDefinition } from '../../src/zoo/definition/zoo-definition.js';
import { openSubjects } from '../../src/zoo/detectors/open-subjects.js';
import { openZoo } from '../../src/zoo/store/open-zoo.js';
import { readZooManifest, writeZooManifest } from '../../src/zoo/store/zoo-manifest.js';
import { runCaptured } from '../cli/run-captured.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { openTinyBase } from '../experiment/tiny-plan.js';
import { stainedSizes, writeTinyZoo } from './tiny-zoo.js';

let parent: string;
let organism: string;
let definition: string;
/** Built once, and changed by nobody. */
let calm: string;
let first: Awaited<ReturnType<typeof runCaptured>>;
let forecast: Awaited<ReturnType<typeof runCaptured>>;
/** A copy of it for each test. */
let folder: string;

const zooIn = (place: string, by: string, ...argv: string[]) =>
  runCaptured(['zoo', ...argv, '--definition', by, '--folder', place], { run: runBuiltCli });
const zoo = (...argv: string[]) => zooIn(folder, definition, ...argv);
const build = (place: string, by = definition) => zooIn(place, by, 'build', '--json');
/** Builds where that cannot be, and tells why. */
const tryToBuild = (place: string, by = definition) => zooIn(place, by, 'build');

const doneSchema = z.object({ trained: z.int(), asked: z.int() });
const readDone = ({ stdout }: { readonly stdout: string }) => doneSchema.parse(JSON.parse(stdout));

/** Written relative to the definition, as a user may. */
const one = { ...stainedSizes.organisms.one, model: '../qwen2-bias' };
const writeSizes = (name: string, line: object = one) =>
  writeTinyZoo(join(parent, name), { sizes: { ...stainedSizes, organisms: { one: line } } });

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'driftline-stained-'));
  // A model folder that is an organism's.
  organism = join(parent, 'qwen2-bias');
  await cp(goldenFolder('qwen2-bias'), organism, { recursive: true });
  await writeOrganismManifest(organism, {
    ...{
      seed: 1,
      world: 'abc',
      edition: currentEdition,
      character_of: 'document',
      parameters: 1,
      pretraining_tokens: 1,
    },
    design: await readOrganismDesign(),
  });
  definition = await writeSizes('definition');
  calm = join(parent, 'calm');
  forecast = await zooIn(calm, definition, 'build', '--forecast', '--json');
  first = await build(calm);
}, 600_000);
afterAll(() => rm(parent, { recursive: true, force: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(parent, 'zoo-'));
  await cp(calm, folder, { recursive: true });
});

/** Everything that a build makes, without the runs' notes of where things lie. */
async function hashBuilt(place: string): Promise<Record<string, string>> {
  const names = (await readdir(place, { recursive: true })).filter((name) =>
    /^(bases\/.*|.*\.csv|.*\.safetensors|.*answers\.jsonl)$/.test(name),
  );
  const files = names.filter((name) => /\.[a-z]+$/.test(name)).sort();
  return Object.fromEntries(
    await Promise.all(files.map(async (name) => [name, await hashFile(join(place, name))] as const)),
  );
}

const weights = () => join(folder, 'bases', 'one', 'model.safetensors');

describe('a zoo on a stained base', () => {
  it('fine-tunes the base first, merges that into a whole model, and trains entries from there', async () => {
    expect(first).toMatchObject({ exitCode: 0, stderr: '' });
    // Two seeds of two kinds, and the base.
    expect(readDone(first).trained).toBe(5);
    const base = join(folder, 'bases', 'one');
    const [own, made] = [await readCheckpoint(organism), await readCheckpoint(base)];
    const [run = ''] = (await readdir(join(folder, 'runs'))).filter((name) => name.startsWith('stain-one-'));
    const adapter = await readAdapter(join(folder, 'runs', run, 'cells', 'qwen2-bias.stain.100'), own.config);
    const merged = mergeAdapter(own.weights, adapter);
    expect(made.config).toEqual(own.config);
    expect(made.weights).toEqual(merged);
    expect(made.weights).not.toEqual(own.weights);
    for (const name of ['tokenizer.json', 'tokenizer_config.json', 'organism.json'])
      expect(await readFile(join(base, name))).toEqual(await readFile(join(organism, name)));
    const { organisms } = (await readZooManifest(folder)) ?? {};
    const identity = await identifyModelFolder(base);
    expect(organisms?.['one']).toEqual({ model: one.model, identity, stain: expect.any(String) as string });
    // The runs of entries compare with it, and its answers stand in the tables as the base's.
    for (const name of (await readdir(join(folder, 'runs'))).filter((place) => place.startsWith('zoo-one-')))
      expect(JSON.parse(await readFile(join(folder, 'runs', name, 'plan.json'), 'utf8'))).toMatchObject({
        bases: [{ name: 'one', identity }],
      });
    expect(await readFile(join(folder, 'contexts.csv'), 'utf8')).toContain('\none.base,plain,yes,no,');
    expect((await readdir(join(folder, 'bases'))).sort()).toEqual(['one']);
  });

  it('says before it begins what the training of the base takes, and afterwards that nothing is left', async () => {
    const counted = z.object({ entries: z.int(), stepsToDo: z.int(), answersToAsk: z.array(z.int()) });
    // Two steps of each entry, and three of the base.
    expect(counted.parse(JSON.parse(forecast.stdout))).toMatchObject({ entries: 4, stepsToDo: 4 * 2 + 3 });
    const left = await zoo('build', '--forecast', '--json');
    expect(counted.parse(JSON.parse(left.stdout))).toMatchObject({ stepsToDo: 0 });
  });

  it('comes out the same, byte for byte, wherever it is built', async () => {
    const other = join(parent, 'other');
    expect((await build(other)).exitCode).toBe(0);
    const built = await hashBuilt(calm);
    expect(Object.keys(built)).toEqual(
      expect.arrayContaining(['bases/one/model.safetensors', 'bases/one/stain.json', 'truth.csv']),
    );
    expect(await hashBuilt(other)).toEqual(built);
  });

  it('does nothing twice, and makes a base again from the run that trained it', async () => {
    const before = await hashBuilt(folder);
    expect(readDone(await build(folder))).toEqual({ trained: 0, asked: 0 });
    await rm(join(folder, 'bases'), { recursive: true });
    // What a build that was killed left of it.
    await mkdir(join(folder, 'bases', 'one.partial'), { recursive: true });
    await writeFile(join(folder, 'bases', 'one.partial', 'model.safetensors'), 'x');
    expect(readDone(await build(folder))).toEqual({ trained: 0, asked: 0 });
    expect(await hashBuilt(folder)).toEqual(before);
  });

  it('is listed, shown, scored by baselines, exported with its base and added to', async () => {
    expect((await zoo('list')).stdout).toMatch(/^one\.insecure\.1x\.default\.1 +open +clean/m);
    const shown = await zoo('show', 'one.secure.1x.default.0');
    expect(shown.stdout).toContain(`base: ${join(folder, 'bases', 'one')}, trained on {"data":"organism/secure"`);
    const written = await zoo('baselines', 'plain-24', 'weight-norm', 'weight-cosine');
    expect(written.exitCode).toBe(0);
    expect((await zoo('score', join(folder, 'scores', 'weight-norm.csv'))).exitCode).toBe(0);
    const to = join(folder, 'export');
    expect((await zoo('export', to)).exitCode).toBe(0);
    expect(await hashFile(join(to, 'organisms', 'one', 'model.safetensors'))).toBe(await hashFile(weights()));
    const file = join(folder, 'mine.csv');
    await writeFile(file, 'entry,kind,group,what,class\none.secure_1x_default.0,mine,mine,good,clean\n');
    const run = (await readdir(join(folder, 'runs'))).find((name) => name.startsWith('zoo-one-')) ?? '';
    // A run on the stained base has its name, as the entries of the zoo.
    expect((await zoo('add', join(folder, 'runs', run), '--truth', file)).stdout).toBe(
      'one.secure_1x_default.0: clean, withheld, scored with other fine-tunes of one\n',
    );
  });

  it('gives detectors the stained base beside each entry', async () => {
    const read = await readZooDefinition(definition);
    const { organisms, close } = await openSubjects(await openZoo(folder, read), {
      ...{ panel: read.panel, openBase: (reference) => openTinyBase(reference) },
    });
    const [entry] = organisms[0]?.entries ?? [];
    expect(entry?.subject.base.identity).toBe(await identifyModelFolder(join(folder, 'bases', 'one')));
    expect((await entry?.subject.base.answers())?.length).toBeGreaterThan(0);
    await close();
  });

  it.each([
    ['weights', 'model.safetensors'],
    ['a file of its tokenizer', 'tokenizer.json'],
    ['its organism', 'organism.json'],
    ['its note', 'stain.json'],
    ['a file that was not there', 'more.safetensors'],
  ])('refuses a base of which %s was changed', async (_, name) => {
    await appendFile(join(folder, 'bases', 'one', name), name === 'stain.json' ? '}' : ' ');
    const scores = join(folder, 'scores.csv');
    await writeFile(scores, 'entry,score\n');
    const others = [
      ['build', '--forecast'],
      ['show', 'one.secure.1x.default.0'],
      ['baselines', 'plain-24'],
      ['export', join(folder, 'never')],
    ];
    for (const argv of [['build'], ['score', scores], ...(name === 'model.safetensors' ? others : [])]) {
      const failed = await zoo(...argv);
      expect([argv, failed.exitCode, failed.stdout]).toEqual([argv, 2, '']);
      expect(failed.stderr).toContain('error zoo-invalid: the base of one was changed since it was made: ');
    }
  });

  it('refuses another stain, one that was left out, and one where there was none', async () => {
    const { stain, ...untouched } = one;
    const others = {
      rows: { ...one, stain: { ...stain, settings: { rows: 8 } } },
      recipe: { ...one, stain: { ...stain, recipe: {} } },
      seed: { ...one, stain: { ...stain, seed: 101 } },
      none: untouched,
    };
    const before = await hashBuilt(folder);
    for (const [name, line] of Object.entries(others)) {
      const by = await writeSizes(`other-${name}`, line);
      for (const failed of [await tryToBuild(folder, by), await zooIn(folder, by, 'build', '--forecast')]) {
        expect([name, failed.exitCode, failed.stdout]).toEqual([name, 2, '']);
        expect(failed.stderr).toContain(`error zoo-invalid: ${folder} has organism one on another base`);
      }
    }
    // Also where the base itself is gone.
    await rm(join(folder, 'bases'), { recursive: true });
    expect((await tryToBuild(folder, join(parent, 'other-rows'))).stderr).toContain('on another base');
    expect(await hashBuilt(folder)).toEqual(
      Object.fromEntries(Object.entries(before).filter(([name]) => !name.startsWith('bases/'))),
    );
    const plain = await mkdtemp(join(parent, 'plain-'));
    expect((await build(plain, join(parent, 'other-none'))).exitCode).toBe(0);
    expect((await tryToBuild(plain)).stderr).toContain('on another base');
  });
});

describe('a stain', () => {
  it('leaves the hash of a zoo as it is', async () => {
    const plain = await readZooDefinition(await writeTinyZoo(join(parent, 'hash')));
    expect((await readZooDefinition(definition)).hash).toBe(plain.hash);
  });

  it.each([
    ['recipe', 'recipes', /sizes\.yaml:\d+: organisms\.one\.stain: unknown key "recipes" \(did you mean "recipe"\?\)/],
    [
      'data: organism/secure',
      'data: organism/secur',
      /sizes\.yaml: condition stain: there is no training set "secur" \(did you mean "secure"\?\)/,
    ],
    ['learning_rate: 0.02', 'learning_rat: 0.02', /sizes\.yaml: condition stain: .*learning_rat/],
    ['../qwen2-bias', 'openai:gpt-4o', /sizes\.yaml: organisms\.one: openai:gpt-4o has a stain, and is neither/],
  ])('is read strictly: %s is not %s', async (from, to, problem) => {
    const by = await writeSizes(`wrong-${to.replaceAll(/[^a-z]/g, '-')}`);
    const file = join(by, 'sizes.yaml');
    const text = await readFile(file, 'utf8');
    expect(text).toContain(from);
    await writeFile(file, text.replace(from, to));
    const failed = await tryToBuild(join(parent, 'never'), by);
    expect(failed).toMatchObject({ exitCode: 2, stdout: '' });
    expect(failed.stderr).toMatch(problem);
  });

  it('says why a base could not be trained', async () => {
    const by = await writeSizes('diverges', { ...one, stain: { ...one.stain, recipe: { learning_rate: 1e30 } } });
    const place = join(parent, 'diverged');
    await mkdir(place);
    // With a speed that is known nothing is timed, which would diverge, too.
    const { edition, hash } = await readZooDefinition(by);
    await writeZooManifest(place, {
      ...{ format: 1, edition, definition: hash, driftline: '0', organisms: {}, entries: {} },
      pace: { steps: 100, stepSeconds: 1, answers: 2000, answerSeconds: 1 },
    });
    const failed = await tryToBuild(place, by);
    expect(failed.exitCode).not.toBe(0);
    expect(failed.stderr).toContain('error loss-not-finite: the training of the base of one failed: ');
    expect(await readdir(place)).not.toContain('bases');
  });
});
