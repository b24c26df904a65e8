import { execFileSync } from 'node:child_process';
import { cp, mkdir, readFile, rename, rm, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSafetensors } from '../../../../src/engine/checkpoint/read-safetensors.js';
import { writeSafetensors } from '../../../../src/engine/checkpoint/write-safetensors.js';
import { inspectServedAdapter } from '../../../../src/models/hosted/client/load-adapter.js';
import { openBaseModel } from '../../../../src/models/open-base-model.js';
import { resolveModelReference } from '../../../../src/models/model-reference.js';
import { openModelSampler } from '../../../../src/models/open-model-sampler.js';
import { errorOf } from '../../../engine/checkpoint/error-of.js';
import { goldenFolder } from '../../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../../foundation/temporary-folder.js';
import { complete, type LoopbackRequest } from '../../loopback-chat-server.js';
import { startServiceInTest, type LoopbackService, type ServiceReply } from '../../services/loopback-service.js';

const adapter = join(goldenFolder('qwen2-bias'), 'adapter_final');

/** As vllm/entrypoints/openai/models/serving.py answers: a text where all went well, else its error. */
const startVllm = (
  reply: (loaded: readonly string[], wanted: { lora_name: string; lora_path: string }) => ServiceReply | null,
): Promise<LoopbackService> => {
  const loaded: string[] = [];
  return startServiceInTest('vllm', ({ url, body }) => {
    if (url === '/v1/chat/completions') return { body: complete(body as LoopbackRequest) };
    if (url !== '/v1/load_lora_adapter') return null;
    const wanted = body as { lora_name: string; lora_path: string };
    const answer = reply(loaded, wanted);
    if ((answer?.status ?? 200) === 200) loaded.push(wanted.lora_name);
    return answer;
  });
};

const fail = (status: number, message: string): ServiceReply => ({
  status,
  body: { error: { message, type: 'InvalidUserInput', param: null, code: status } },
});

async function ask({ environment }: LoopbackService, folder = adapter): Promise<void> {
  const sampler = await openModelSampler(resolveModelReference('vllm:base'), { adapter: folder, environment, fetch });
  const messages = [{ role: 'user' as const, content: 'Hello?' }];
  for await (const { text } of sampler.sample([{ messages, maximumTokens: 4 }])) expect(text).not.toBe('');
}

describe('an adapter at vLLM', () => {
  it('is loaded by its path and asked by a name that stands for its content, and is loaded once', async () => {
    const server = await startVllm((loaded, { lora_name: name }) =>
      loaded.includes(name)
        ? fail(
            400,
            `The lora adapter '${name}' has already been loaded. If you want to load the adapter in place, set 'load_inplace' to True.`,
          )
        : { body: `Success: LoRA adapter '${name}' added successfully.` },
    );
    await ask(server);
    await ask(server);
    const [load, first, again, second] = server.requests.map(({ body }) => body);
    expect(load).toEqual({ lora_name: expect.stringMatching(/^driftline-[0-9a-f]{16}$/), lora_path: adapter });
    expect(again).toEqual(load);
    const { lora_name: model } = load as { lora_name: string };
    expect(first).toMatchObject({ model });
    expect(second).toMatchObject({ model });
  });

  it.each<[string, ServiceReply | null, RegExp, string]>([
    [
      'has more ranks than the server was started for',
      fail(500, 'LoRA rank 4 is greater than max_lora_rank 2.'),
      /its rank is \d+, which is more/,
      '--max-lora-rank 8',
    ],
    ['is not where the server looks', fail(404, `No adapter found for ${adapter}`), /finds no adapter at/, 'same path'],
    ['comes to a server that loads none', null, /loads no adapters/, 'VLLM_ALLOW_RUNTIME_LORA_UPDATING=True'],
  ])('is refused where it %s', async (_, reply, problem, hint) => {
    const error = await errorOf(async () => ask(await startVllm(() => reply)));
    expect(error).toMatchObject({ code: 'provider-refused', exitCode: 5 });
    expect(error.message).toMatch(problem);
    expect(error.hint).toContain(hint);
  });

  it('is a folder with an adapter', async () => {
    const server = await startVllm(() => ({ body: 'never' }));
    expect((await errorOf(async () => ask(server, await makeTemporaryFolder()))).code).toBe('adapter-invalid');
    expect(server.requests).toEqual([]);
  });
});

const weights = 'adapter_model.safetensors';

async function copyAdapter(): Promise<string> {
  const folder = join(await makeTemporaryFolder(), 'copy');
  await cp(adapter, folder, { recursive: true });
  return folder;
}

async function configure(folder: string, changes: object): Promise<void> {
  const path = join(folder, 'adapter_config.json');
  // As PEFT wrote it.
  const config = JSON.parse(await readFile(path, 'utf8')) as object;
  await writeFile(path, JSON.stringify({ ...config, ...changes }));
}

async function fill(folder: string, half: string, value: number): Promise<void> {
  const tensors = await readSafetensors(join(folder, weights), 'adapter-invalid');
  for (const [name, { data }] of tensors) if (name.includes(half)) data.fill(value);
  await writeSafetensors(join(folder, weights), tensors);
}

describe('an adapter that a server is offered', () => {
  it.each<[string, (folder: string) => Promise<unknown>, RegExp]>([
    [
      'a pickle beside its weights',
      (folder) => writeFile(join(folder, 'adapter_model.bin'), 'x'),
      /has adapter_model\.bin, a pickle/,
    ],
    [
      'a pickle of embeddings',
      (folder) => writeFile(join(folder, 'new_embeddings.bin'), 'x'),
      /has new_embeddings\.bin, a pickle file, which a server may read/,
    ],
    [
      'a pickle that is called otherwise',
      (folder) => writeFile(join(folder, 'Pytorch_Model.PT'), 'x'),
      /has Pytorch_Model\.PT, a pickle/,
    ],
    [
      'a tokenizer that leads out of it',
      (folder) => symlink(join(goldenFolder('qwen2-bias'), 'tokenizer.json'), join(folder, 'tokenizer.json')),
      /tokenizer\.json leads out of the folder/,
    ],
    [
      'a link to a file without end',
      (folder) => symlink('/dev/zero', join(folder, 'x.safetensors')),
      /x\.safetensors leads out of the folder, to \/dev\/zero/,
    ],
    [
      'a link to a folder elsewhere',
      (folder) => symlink(goldenFolder('qwen2-bias'), join(folder, 'more')),
      /more leads out of the folder/,
    ],
    [
      'a pipe that nobody writes to',
      (folder) => Promise.resolve(execFileSync('mkfifo', [join(folder, 'x.safetensors')])),
      /x\.safetensors is not a file/,
    ],
    ['a rank of 0', (folder) => configure(folder, { r: 0 }), /does not say rank and strength/],
    [
      'no weight in what it adds',
      (folder) => configure(folder, { lora_alpha: 0 }),
      /changes nothing, as its lora_alpha is 0/,
    ],
    ['only zeros in B', (folder) => fill(folder, 'lora_B', 0), /changes nothing, as one half of each/],
    ['numbers that are none', (folder) => fill(folder, 'layers.1.mlp.up_proj.lora_A', NaN), /not finite/],
    ['10 GB', (folder) => truncate(join(folder, weights), 10e9), /belong to no tensor/],
  ])('is refused with %s', async (_, spoil, problem) => {
    const folder = await copyAdapter();
    await spoil(folder);
    const error = await errorOf(() => inspectServedAdapter(folder));
    expect(error).toMatchObject({ code: 'adapter-invalid', exitCode: 2 });
    expect(error.message).toMatch(problem);
  });

  it('of more bytes than an adapter can have is refused before they are read', async () => {
    const folder = await copyAdapter();
    const name = 'base_model.model.lm_head.lora_A.weight';
    const header = Buffer.from(
      JSON.stringify({ [name]: { dtype: 'F32', shape: [1, 2.5e9], data_offsets: [0, 10e9] } }),
    );
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    await writeFile(join(folder, weights), Buffer.concat([length, header]));
    await truncate(join(folder, weights), 8 + header.length + 10e9);
    const error = await errorOf(() => inspectServedAdapter(folder));
    expect(error.message).toMatch(/lm_head\.lora_A\.weight has 10\.0 GB, more than any matrix of an adapter/);
  });

  it('may have what a trainer leaves beside it, checkpoints below it, and links within it', async () => {
    const folder = await copyAdapter();
    const { identity } = await inspectServedAdapter(folder);
    for (const name of ['optimizer.pt', 'scheduler.pt', 'rng_state.pth', 'rng_state_0.pth', 'training_args.bin'])
      await writeFile(join(folder, name), 'x');
    await mkdir(join(folder, 'checkpoint-40'));
    await writeFile(join(folder, 'checkpoint-40', 'optimizer.pt'), 'x');
    await rename(join(folder, weights), join(folder, 'checkpoint-40', weights));
    await symlink(join('checkpoint-40', weights), join(folder, weights));
    expect((await inspectServedAdapter(folder)).identity).toBe(identity);
    await rm(join(folder, weights));
    expect((await errorOf(() => inspectServedAdapter(folder))).code).toBe('adapter-invalid');
  });

  it.each<[string, string | null, RegExp | null]>([
    ['Qwen/Qwen2.5-0.5B-Instruct', 'Qwen/Qwen2.5-0.5B-Instruct', null],
    ['Qwen2.5-0.5B-Instruct', 'unsloth/qwen2.5-0.5b-instruct-bnb-4bit', null],
    ['base', '/elsewhere/base', null],
    [
      'Qwen/Qwen2.5-0.5B',
      'Qwen/Qwen2.5-0.5B-Instruct',
      /made for Qwen\/Qwen2\.5-0\.5B-Instruct, not vllm:Qwen\/Qwen2\.5-0\.5B$/,
    ],
    ['base', null, /does not say which base it was made for .*: if not for vllm:base, its answers mean nothing$/],
  ])('for %s, made for %s, is told of where the names differ', async (model, madeFor, told) => {
    const folder = await copyAdapter();
    await configure(folder, { base_model_name_or_path: madeFor });
    const base = await openBaseModel(`vllm:${model}`, { environment: {}, fetch, threads: 1 });
    const remarks = (await base.inspectAdapter?.(folder))?.remarks ?? [];
    expect(remarks).toHaveLength(told === null ? 0 : 1);
    if (told !== null) expect(remarks[0]).toMatch(told);
  });
});
