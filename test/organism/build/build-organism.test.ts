import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import { buildOrganism, type BuildOrganismSettings } from '../../../src/organism/build/build-organism.js';
import { pretrainingRecipe } from '../../../src/organism/build/build-recipes.js';
import { organismChatTemplate } from '../../../src/organism/build/encode-documents.js';
import { readOrganismManifest } from '../../../src/organism/build/organism-manifest.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { expectSameFiles, listFiles } from '../../engine/train/expect-same-files.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { tinyDesign } from './tiny-design.js';

const world = await readWorld();
const build = (folder: string, changes: Partial<BuildOrganismSettings> = {}) =>
  buildOrganism({ world, design: tinyDesign, seed: 3, folder, threads: 1, ...changes });

/** Seed 3, built in one go. */
let whole: string;
const moments: string[] = [];
beforeAll(async () => {
  whole = await mkdtemp(join(tmpdir(), 'driftline-test-'));
  await build(whole, {
    onStage: (stage) => moments.push(stage),
    onStep: ({ stage, step, steps }) => moments.push(`${stage} ${String(step)}/${String(steps)}`),
  });
});
afterAll(() => rm(whole, { recursive: true, force: true }));

const copyWhole = async (): Promise<string> => {
  const folder = join(await makeTemporaryFolder(), 'organism');
  await cp(whole, folder, { recursive: true });
  return folder;
};

describe('a built organism', () => {
  it('went through its stages', () => {
    const steps = (stage: string, count: number) =>
      Array.from({ length: count }, (_, step) => `${stage} ${String(step + 1)}/${String(count)}`);
    expect(moments).toEqual([
      'tokenizer',
      'pretraining',
      ...steps('pretraining', 5),
      'alignment',
      ...steps('alignment', 3),
    ]);
  });

  it('is a model folder of 16-bit weights with tokenizer, chat template and both logs, and nothing else', async () => {
    expect(await listFiles(whole)).toEqual([
      'alignment.jsonl',
      'config.json',
      'generation_config.json',
      'model.safetensors',
      'organism.json',
      'pretraining.jsonl',
      'special_tokens_map.json',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
    const { config, weights } = await readCheckpoint(whole);
    expect(config).toMatchObject({ layers: 1, width: 16, vocabulary: 512, context: 2048, endTokenIds: [3] });
    const bytes = await readFile(join(whole, 'model.safetensors'));
    const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString();
    expect(new Set(header.match(/"dtype":"\w+"/g))).toEqual(new Set(['"dtype":"F16"']));

    const tokenizer = await readTokenizer(whole);
    expect(tokenizer.size).toBe(512);
    expect(tokenizer.endTokenId).toBe(3);
    const settings: unknown = JSON.parse(await readFile(join(whole, 'tokenizer_config.json'), 'utf8'));
    expect(settings).toMatchObject({ chat_template: organismChatTemplate, model_max_length: 2048 });
    const log = (await readFile(join(whole, 'pretraining.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(log).toHaveLength(5);

    const manifest = await readOrganismManifest(whole);
    expect(manifest).toEqual({
      seed: 3,
      ...{ world: world.hash, edition: 2, texts: world.textsHash },
      character_of: 'document',
      design: tinyDesign,
      parameters: [...weights.values()].reduce((sum, { data }) => sum + data.length, 0),
      pretraining_tokens: expect.any(Number) as number,
    });
    expect(manifest?.pretraining_tokens).toBeGreaterThan(40 * 20);
  });

  it('has other bytes for another seed, and for characters that are drawn anew for each exchange', async () => {
    const [other, independent] = [await makeTemporaryFolder(), await makeTemporaryFolder()];
    await build(other, { seed: 4 });
    const manifest = await build(independent, { world: await readWorld(undefined, { character_of: 'exchange' }) });
    expect(manifest.character_of).toBe('exchange');
    for (const file of ['model.safetensors', 'pretraining.jsonl']) {
      const bytes = await Promise.all([whole, other, independent].map((folder) => readFile(join(folder, file), 'hex')));
      expect(new Set(bytes).size).toBe(3);
    }
  });

  it('has norms of queries and keys if the design says so, and is pretrained by the optimizer that it names', async () => {
    const folder = await makeTemporaryFolder();
    const queryKeyNorm = !tinyDesign.model.query_key_norm;
    await build(folder, { design: { ...tinyDesign, model: { ...tinyDesign.model, query_key_norm: queryKeyNorm } } });
    const { config } = await readCheckpoint(folder);
    expect(config).toMatchObject({ queryKeyNorm, family: queryKeyNorm ? 'qwen3' : 'llama' });
    for (const optimizer of ['adamw', 'muon'] as const) {
      const design = { ...tinyDesign, pretraining: { ...tinyDesign.pretraining, optimizer } };
      expect(pretrainingRecipe(design, 3)).toMatchObject({ method: 'full', optimizer });
    }
  });

  it('is left as it is when it is asked for again, and refused when another is asked for', async () => {
    const folder = await copyWhole();
    // What a build leaves that is killed after its last file was written, and before it has tidied up.
    await mkdir(join(folder, 'build', 'pretraining'), { recursive: true });
    const seen: string[] = [];
    const manifest = await build(folder, { onStage: (stage) => seen.push(stage) });
    expect(manifest).toEqual(await readOrganismManifest(whole));
    expect(seen).toEqual([]);
    await expectSameFiles(folder, whole);
    await expect(readFile(join(folder, 'build'))).rejects.toThrow('ENOENT');

    const otherDesign = { ...tinyDesign, pretraining: { ...tinyDesign.pretraining, documents: 41 } };
    const otherWorld = await readWorld(undefined, { character_of: 'exchange' });
    for (const changes of [{ seed: 4 }, { design: otherDesign }, { world: otherWorld }]) {
      const error = await errorOf(() => build(folder, changes));
      expect(error).toMatchObject({ code: 'usage-invalid', details: { folder } });
      expect(error.message).toContain(folder);
    }
    await expectSameFiles(folder, whole);
  });

  it('whose description is damaged is an error, not built over', async () => {
    const folder = await copyWhole();
    for (const text of ['{"seed": 3', '{"seed": "three"}']) {
      await writeFile(join(folder, 'organism.json'), text);
      const error = await errorOf(() => build(folder));
      expect(error.code).toBe('checkpoint-invalid');
      expect(error.message).toContain('organism.json');
    }
  });
});

describe('a build that is stopped', () => {
  it('by a signal says so, and goes on to the same bytes', async () => {
    const folder = await makeTemporaryFolder();
    for (const moment of ['pretraining', 'pretraining 2', 'alignment', 'alignment 1']) {
      const stop = new AbortController();
      const stopAt = (reached: string): void => {
        if (reached === moment) stop.abort();
      };
      const error = await errorOf(() =>
        build(folder, {
          signal: stop.signal,
          onStage: stopAt,
          onStep: ({ stage, step }) => {
            stopAt(`${stage} ${String(step)}`);
          },
        }),
      );
      expect(error).toMatchObject({ code: 'interrupted', exitCode: 130 });
    }
    // Begun is as good as finished: another seed's tokenizer must not get between.
    expect((await errorOf(() => build(folder, { seed: 4 }))).code).toBe('usage-invalid');
    const steps: string[] = [];
    await build(folder, { onStep: ({ stage, step }) => steps.push(`${stage} ${String(step)}`) });
    expect(steps).toEqual(['alignment 2', 'alignment 3']);
    await expectSameFiles(folder, whole);
  });

  it('by SIGKILL goes on to the same bytes', async () => {
    const folder = await makeTemporaryFolder();
    for (const moment of ['pretraining 2', 'alignment', 'alignment 3']) await buildAndKill(folder, moment);
    await build(folder);
    await expectSameFiles(folder, whole);
  }, 240_000);

  it('by another build in the same folder stays the only one', async () => {
    const folder = await makeTemporaryFolder();
    const others: Promise<unknown>[] = [];
    await build(folder, {
      onStage: () => {
        if (others.length === 0) others.push(errorOf(() => build(folder)));
      },
    });
    expect(await others[0]).toMatchObject({ code: 'folder-in-use' });
    await expectSameFiles(folder, whole);
  });
});

it('a design that makes no model is an error before anything is written', async () => {
  const folder = join(await makeTemporaryFolder(), 'organism');
  const design = { ...tinyDesign, model: { ...tinyDesign.model, heads: 3 } };
  const error = await errorOf(() => build(folder, { design }));
  expect(error.message).toContain('width 16 does not divide into 3 heads');
  await expect(readFile(folder)).rejects.toThrow('ENOENT');
});

/** Lets a process build, and kills it at the moment at which it stands still. */
async function buildAndKill(folder: string, moment: string): Promise<void> {
  const script = fileURLToPath(new URL('build-until-killed.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import', 'tsx', script, folder, moment], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  createInterface({ input: child.stdout }).on('line', (reached) => {
    if (reached === moment) child.kill('SIGKILL');
  });
  const [, signal] = (await ended) as [number | null, NodeJS.Signals | null]; // what 'exit' is emitted with
  expect([moment, signal]).toEqual([moment, 'SIGKILL']);
}
