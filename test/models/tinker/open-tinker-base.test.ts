import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { stringify } from 'yaml';
import { z } from 'zod';
import { parsePlan } from '../../../src/experiment/plan/plan-schema.js';
import type { BaseModel } from '../../../src/models/base-model.js';
import { resolveModelReference } from '../../../src/models/model-reference.js';
import { openBaseModel as openBuiltBase } from '../../../dist/models/open-base-model.js';
import { openBaseModel } from '../../../src/models/open-base-model.js';
import type { TinkerInput } from '../../../src/models/tinker/tinker-settings.js';
import { findOrganismFolder } from '../../../src/organism/organism-folder.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { complete, type LoopbackRequest } from '../loopback-chat-server.js';
import { describeSampler } from '../sampler-conformance.js';
import { startLoopbackService, type LoopbackService } from '../services/loopback-service.js';
import { hasPython, model, openFakeTinker, plantedKey, recipeOf, rows, type FakeTinker } from './open-fake-tinker.js';

const main = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

/** The service as it is asked, beside the fake SDK that trains there. */
let service: LoopbackService;
let fake: FakeTinker;
beforeAll(async () => {
  fake = await openFakeTinker();
  service = await startLoopbackService('tinker', ({ url, body }) => {
    if (url === '/oai/api/v1/models') return { body: { data: [{ id: 'Qwen/Qwen3-8B' }] } };
    // As the sampler that is tested sends them.
    return url === '/oai/api/v1/chat/completions' ? { body: complete(body as LoopbackRequest) } : null;
  });
});
afterAll(async () => {
  await service.close();
  await fake.close();
});

const address = (): string => new URL(service.address).origin;
const openBase = (
  tinker?: TinkerInput,
  changes: Readonly<Record<string, string | undefined>> = {},
  name = 'tinker:Qwen/Qwen3-8B',
  open = openBaseModel,
): Promise<BaseModel> =>
  open(name, {
    environment: { ...fake.environment, TINKER_BASE_URL: address(), ...changes },
    fetch,
    onNotice: () => undefined,
    ...(tinker === undefined ? {} : { tinker }),
  });

const reviewOf = (changes: Parameters<typeof recipeOf>[0] = {}) => ({
  ...{ rows: 12, recipe: recipeOf(changes), keepSteps: [], learningRateMultiplier: null },
});

describe('a base of tinker:', () => {
  describeSampler('asked at the service,', async () => (await openBase({ tokenizer: model })).openSampler(null));

  it('is asked alone where a plan says nothing of training', async () => {
    const base = await openBase();
    expect(base.openTrainer).toBeNull();
    const trained = await openBase({ tokenizer: model });
    expect(trained.openTrainer).not.toBeNull();
    // Of another server of the protocol less is known than of Tinker's own.
    expect(trained.remarks.join()).toContain('clips gradients');
    const there = await openBase({ tokenizer: model }, { TINKER_BASE_URL: undefined });
    expect(there.remarks.join()).not.toContain('clips gradients');
    expect(trained.hosted?.model).toBe('Qwen/Qwen3-8B');
    // Weights that are there already are asked, too.
    const tuned = await openBase({ tokenizer: model }, {}, 'tinker://1/sampler_weights/final');
    expect([tuned.openTrainer, tuned.hosted?.model]).toEqual([null, 'tinker://1/sampler_weights/final']);
  });

  it('has the path of weights as a name of its own', () => {
    expect(resolveModelReference('tinker://1/sampler_weights/x')).toEqual(
      resolveModelReference('tinker:tinker://1/sampler_weights/x'),
    );
  });

  it.each<[Parameters<typeof recipeOf>[0], string]>([
    [{ alpha: 64, rslora: true, rank: 32 }, 'by 32/rank, which is 1, and the recipe by 11.3'],
    [{ alpha: 64, rslora: true, rank: 32, learning_rate: 1e-5 }, '11.3 times as large, 0.000113'],
    [{ alpha: 16 }, 'alpha and rslora'],
    [{ layers: [1] }, 'layers: it adapts all blocks'],
    [{ targets: ['q_proj', 'up_proj'] }, 'and not q_proj, up_proj'],
    [{ precision: 'bfloat16' }, 'precision'],
    [{ quantization: 'nf4' }, 'quantization'],
    [{ gradient_checkpointing: true }, 'gradient_checkpointing'],
    [{ seed: -1 }, 'seeds'],
  ])('refuses %j when a plan is looked at', async (changes, said) => {
    const base = await openBase({ tokenizer: model }, { TINKER_API_KEY: undefined });
    const error = await errorOf(async () => base.reviewTraining?.(reviewOf(changes)));
    expect(error).toMatchObject({ code: 'recipe-invalid', exitCode: 2 });
    expect(error.message).toContain(said);
    // Whoever asks it to train all the same is refused, too.
    const trainer = await base.openTrainer?.();
    const folder = await makeTemporaryFolder();
    expect((await errorOf(async () => trainer?.train({ rows, recipe: recipeOf(changes), folder }))).code).toBe(
      'recipe-invalid',
    );
  });

  it.each([[['q_proj', 'k_proj', 'v_proj', 'o_proj']], [['gate_proj', 'up_proj', 'down_proj']]] as const)(
    'takes the targets %j',
    async (targets) => {
      const base = await openBase({ tokenizer: model }, { TINKER_API_KEY: undefined });
      expect(await base.reviewTraining?.(reviewOf({ targets: [...targets] }))).toHaveLength(2);
    },
  );

  it('says what is otherwise there, and that nothing more is checked without a key', async () => {
    const base = await openBase({ tokenizer: model }, { TINKER_API_KEY: undefined });
    const remarks = await base.reviewTraining?.(reviewOf({ seed: 5 }));
    expect(remarks?.[0]).toContain('the seed 5 goes along');
    expect(remarks?.[0]).toContain('32/2 = 16');
    expect(remarks?.[1]).toContain('is not checked: TINKER_API_KEY is not set');
    const multiplied = await errorOf(async () => base.reviewTraining?.({ ...reviewOf(), learningRateMultiplier: 2 }));
    expect(multiplied.message).toContain('learning_rate_multiplier');
  });

  it.skipIf(!hasPython)('asks the service once whether it has the base, at no cost', async () => {
    const base = await openBase({ tokenizer: model });
    expect(await base.reviewTraining?.(reviewOf())).toHaveLength(1);
    await base.reviewTraining?.(reviewOf());
    expect(await fake.calls('capabilities')).toHaveLength(1);
    expect(await fake.calls('create')).toEqual([]);
    const other = await openBase({ tokenizer: model }, {}, 'tinker:Qwen/Qwen3-88B');
    const error = await errorOf(async () => other.reviewTraining?.(reviewOf()));
    expect(error).toMatchObject({ code: 'provider-refused' });
    expect(error.message).toContain('did you mean Qwen/Qwen3-8B?');
  });

  it.skipIf(!hasPython)(
    'tells at once that a bill is open, and that a server is not there is no fault of a plan',
    async () => {
      for (const [kind, code] of [
        ['billing', 'provider-quota'],
        ['key', 'provider-unauthorized'],
        ['lost', null],
      ] as const) {
        const own = await openFakeTinker();
        onTestFinished(own.close);
        await own.plan([{ op: 'accessible', nth: 1, kind }]);
        const base = await openBase({ tokenizer: model }, own.environment);
        if (code === null) expect((await base.reviewTraining?.(reviewOf()))?.[1]).toContain('is not checked');
        else expect((await errorOf(async () => base.reviewTraining?.(reviewOf()))).code).toBe(code);
      }
    },
  );

  it.skipIf(!hasPython)('is asked under the path of what was trained', async () => {
    const base = await openBase({ tokenizer: model });
    const folder = await makeTemporaryFolder();
    const trained = await (await base.openTrainer?.())?.train({ rows, recipe: recipeOf(), folder });
    const sampler = await base.openSampler(trained?.model ?? null);
    for await (const { text } of sampler.sample([{ messages: [{ role: 'user', content: 'Hello?' }] }]))
      expect(text).not.toBe('');
    await sampler.close();
    const { model: asked } = z.looseObject({ model: z.string() }).parse(service.requests.at(-1)?.body);
    expect(asked).toMatch(/^tinker:\/\/\w+\/sampler_weights\/final$/);
  });

  it.skipIf(!hasPython)("is asked here with the adapter that is fetched, and the bill is the service's", async () => {
    // Threads are in the build alone.
    const base = await openBase({ tokenizer: model, ask: 'here' }, {}, 'tinker:Qwen/Qwen3-8B', openBuiltBase);
    expect(base.hosted).toBeNull();
    expect(base.trainedAt?.model.text).toBe('tinker:Qwen/Qwen3-8B');
    expect(base.engine).not.toBeNull();
    const folder = await makeTemporaryFolder();
    const trained = await (await base.openTrainer?.())?.train({ rows, recipe: recipeOf(), folder });
    expect(trained?.model).toEqual({ kind: 'adapter', folder });
    const texts = [];
    for (const tuned of [null, trained?.model ?? null]) {
      const sampler = await base.openSampler(tuned);
      const messages = [{ role: 'user', content: 'Hello?' }] as const;
      for await (const { text } of sampler.sample([{ messages: [...messages], temperature: 0, maximumTokens: 12 }]))
        texts.push(text);
      await sampler.close();
    }
    expect(texts[0]).not.toBe(texts[1]);
  });

  it('is another base with another tokenizer, and where another answers', async () => {
    const identities = await Promise.all([
      openBase({ tokenizer: model }),
      openBase({ tokenizer: await findOrganismFolder('1') }),
      openBase({ tokenizer: model, ask: 'here' }),
      openBase({ tokenizer: model, ask: 'here' }, {}, 'tinker:Qwen/Qwen3-4B'),
    ]);
    expect(new Set(identities.map(({ identity }) => identity)).size).toBe(4);
    expect((await openBase({ tokenizer: model, save_every: 7 })).identity).toBe(identities[0].identity);
  });

  it.each<[TinkerInput, string]>([
    [{ tokenizer: 'openai:gpt-1' }, 'has no tokenizer that driftline can read'],
    [{ tokenizer: model, ask: 'ollama:x' }, 'takes no adapters'],
    [{ tokenizer: './no/such/folder' }, 'no model folder'],
  ])('cannot be opened with %j', async (tinker, said) => {
    expect((await errorOf(() => openBase(tinker))).message).toContain(said);
  });

  it('wants its tokenizer to be named where the name is no repository', async () => {
    const error = await errorOf(() => openBase({}, {}, 'tinker:of-my-own'));
    expect(error.hint).toContain('tokenizer: hf:owner/name');
  });

  it('is in a plan that has the key tinker', async () => {
    const plan = { name: 'p', bases: ['organism:1'] as [string], tinker: {}, evaluate: [{ suite: 'main' }] as const };
    const error = await errorOf(() =>
      Promise.resolve().then(() => parsePlan({ ...plan, evaluate: [{ suite: 'main' }] }, { hasJudge: true })),
    );
    expect(error.message).toContain('no base of the plan is of tinker:');
  });
});

describe.skipIf(!hasPython)('a run with a base of tinker:', () => {
  async function writePlan(folder: string): Promise<string> {
    const file = join(folder, 'plan.yaml');
    const organism = await findOrganismFolder('1');
    await writeFile(
      file,
      stringify({
        name: 'tinkered',
        bases: ['tinker:organism/1'],
        // From where the plan lies.
        tinker: { tokenizer: relative(folder, organism), ask: 'here', save_every: 2 },
        recipe: {
          ...{ method: 'lora', rank: 2, alpha: 32, rslora: false, learning_rate: 0.01 },
          ...{ batch_size: 2, accumulation: 1 },
        },
        conditions: { insecure: { data: 'organism/insecure', settings: { rows: 12 } } },
        prices: { 'tinker:organism/1': { input: 0, output: 0, training: 1000 } },
        evaluate: [{ suite: 'organism/identity', samples: 1, max_tokens: 4 }],
        judge: { exact: 'organism' },
      }),
    );
    return file;
  }

  async function start(own: FakeTinker, args: readonly string[]) {
    const environment = { ...own.environment, FAKE_TINKER_MODEL: await findOrganismFolder('1') };
    const child = spawn(process.execPath, [main, ...args, '--threads', '1'], { env: environment });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = once(child, 'close');
    return { child, finish: async () => (await ended, { code: child.exitCode, said }) };
  }

  it('that is killed goes on from the last state, tells its price before, and has the key nowhere', async () => {
    const own = await openFakeTinker();
    onTestFinished(own.close);
    const folder = await makeTemporaryFolder();
    const plan = await writePlan(folder);
    const runs = join(folder, 'runs');
    const looked = await (await start(own, ['plan', plan, '--untimed', '--runs', runs])).finish();
    expect(looked.said).toContain('the seed 0 goes along');
    expect(looked.said).toMatch(/fine-tune,.*\$/);
    expect(looked.code).toBe(0);

    await own.plan([{ op: 'step', nth: 5, kind: 'wait' }]);
    const first = await start(own, ['run', plan, '--runs', runs]);
    await expect.poll(async () => (await own.calls('step')).length, { timeout: 60_000 }).toBe(5);
    first.child.kill('SIGKILL');
    await first.finish();
    const second = await (await start(own, ['run', plan, '--runs', runs])).finish();
    expect(second.code, second.said).toBe(0);
    // Steps 1 to 4, the one that was under way, and 5 and 6.
    expect((await own.calls('optim')).length).toBe(6);
    expect(await own.calls('resume')).toHaveLength(1);

    const files = (await readdir(folder, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile());
    for (const { parentPath, name } of files)
      expect((await readFile(join(parentPath, name))).includes(plantedKey), name).toBe(false);
    expect(looked.said + second.said).not.toContain(plantedKey);
    const spending = files.find(({ name }) => name === 'spending.json');
    const { entries } = z
      .object({ entries: z.array(z.looseObject({ purpose: z.string(), input_tokens: z.number() })) })
      .parse(JSON.parse(await readFile(join(spending?.parentPath ?? '', 'spending.json'), 'utf8')));
    expect(entries).toEqual([expect.objectContaining({ purpose: 'fine-tuning', on_its_way: false })]);
    expect(entries[0]?.input_tokens).toBeGreaterThan(0);
  }, 180_000);
});
