import { copyFile, cp, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectModelAdapter } from '../../../src/models/embedded/inspect-model-adapter.js';
import { organismsOfFirstEdition } from '../../../src/organism/world/first-edition.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

const folder = goldenFolder('qwen2-bias');

/** A copy of a trained adapter that says what it was made for. */
async function makeAdapter(changes: object = {}): Promise<string> {
  const adapter = await makeTemporaryFolder();
  await cp(join(folder, 'adapter_final'), adapter, { recursive: true });
  const path = join(adapter, 'adapter_config.json');
  // As PEFT wrote it.
  const config = JSON.parse(await readFile(path, 'utf8')) as object;
  await writeFile(path, JSON.stringify({ ...config, ...changes }));
  return adapter;
}

const inspect = (adapter: string, text = folder) => inspectModelAdapter(adapter, { folder, text });
const madeFor = (name: string | null) => makeAdapter({ base_model_name_or_path: name });

describe('an adapter that somebody has', () => {
  it('is known by what it does, wherever it lies and whatever it calls its base', async () => {
    const [one, same, other] = [await makeAdapter(), await madeFor('elsewhere'), await makeAdapter({ lora_alpha: 9 })];
    const { identity } = await inspect(one);
    expect((await inspect(same)).identity).toBe(identity);
    expect((await inspect(other)).identity).not.toBe(identity);
    expect((await inspect(join(folder, 'adapter_init'))).identity).not.toBe(identity);
  });

  it.each([
    ['organism:2', '/elsewhere/organism/models/1'],
    ['organism:independent', 'C:\\package\\organism\\models\\2'],
    ['hf:Qwen/Qwen2.5-0.5B', 'Qwen/Qwen2.5-0.5B-Instruct'],
    ['hf:owner/one@main', '/home/u/.cache/huggingface/hub/models--owner--two/snapshots/abc'],
  ])('on %s, made for %s, is refused', async (text, name) => {
    const adapter = await madeFor(name);
    const error = await errorOf(() => inspect(adapter, text));
    expect(error).toMatchObject({ code: 'adapter-mismatch', exitCode: 2 });
    expect(error.message).toBe(`${adapter} was made for another base model (${name}), not for ${text}`);
    expect(error.hint).toContain('base_model_name_or_path');
  });

  it.each([
    ['organism:1', '/elsewhere/organism/models/1'],
    ['hf:Qwen/Qwen2.5-0.5B-Instruct', 'Qwen/Qwen2.5-0.5B-Instruct'],
    ['hf:Qwen/Qwen2.5-0.5B-Instruct@main', 'unsloth/qwen2.5-0.5b-instruct-unsloth-bnb-4bit'],
    ['hf:owner/one', '/home/u/.cache/huggingface/hub/models--owner--one/snapshots/abc'],
    ['./qwen2-bias', '/elsewhere/qwen2-bias'],
    ['./Qwen2-Bias', '/elsewhere/qwen2-bias/'],
  ])('on %s, made for %s, is right', async (text, name) => {
    expect((await inspect(await madeFor(name), text)).remarks).toEqual([]);
  });

  it.each([null, undefined, '', '.'])('that calls its base %s is taken, which is said', async (name) => {
    const adapter = await makeAdapter({ base_model_name_or_path: name });
    expect((await inspect(adapter, 'organism:1')).remarks).toEqual([
      `${adapter} does not say which base it was made for (base_model_name_or_path of adapter_config.json): if not for organism:1, its answers mean nothing`,
    ]);
  });

  it("that a run of the first edition trained is refused on today's organisms, and taken on other folders", async () => {
    const run = await makeTemporaryFolder();
    const adapter = join(run, 'cells', 'organism-1.insecure.0');
    await cp(await madeFor('organism:1'), adapter, { recursive: true });
    await writeFile(
      join(run, 'plan.json'),
      JSON.stringify({ bases: [{ name: '1', identity: [...organismsOfFirstEdition.keys()][0] }] }),
    );
    const error = await errorOf(() => inspect(adapter, 'organism:1'));
    expect(error).toMatchObject({ code: 'edition-retired', exitCode: 2 });
    expect(error.message).toContain('was trained on organism:1 of the first edition');
    expect((await inspect(adapter)).identity).toMatch(/^[0-9a-f]{64}$/);
    // A run of today's organisms.
    await writeFile(join(run, 'plan.json'), JSON.stringify({ bases: [{ name: '1', identity: '0'.repeat(64) }] }));
    expect((await inspect(adapter, 'organism:1')).remarks).toEqual([]);
  });

  it('that changes nothing is refused', async () => {
    const error = await errorOf(async () => inspect(await makeAdapter({ lora_alpha: 0 })));
    expect(error).toMatchObject({ code: 'adapter-invalid', exitCode: 2 });
    expect(error.message).toContain('it changes nothing, as its lora_alpha is 0');
  });

  it('on a folder whose name tells nothing of it, is taken, which is said', async () => {
    const adapter = await madeFor('owner/name');
    expect((await inspect(adapter)).remarks).toEqual([
      `${adapter} says that it was made for owner/name, not ${folder}`,
    ]);
  });

  it('with a chat template of its own is asked in that of the base, which is said', async () => {
    const adapter = await madeFor(folder);
    await copyFile(join(folder, 'chat_template.jinja'), join(adapter, 'chat_template.jinja'));
    expect((await inspect(adapter)).remarks).toEqual([]);
    await writeFile(join(adapter, 'chat_template.jinja'), '{{ messages }}');
    const told = `${adapter} has a chat template that differs from that of ${folder}, which is what it is asked in`;
    expect((await inspect(adapter)).remarks).toEqual([told]);
    const other = await madeFor(folder);
    await writeFile(join(other, 'tokenizer_config.json'), JSON.stringify({ chat_template: '{{ messages }}' }));
    expect((await inspect(other)).remarks).toEqual([told.replace(adapter, other)]);
    // What is no configuration has no template; the base's tokenizer is the one that counts.
    await writeFile(join(other, 'tokenizer_config.json'), '{');
    expect((await inspect(other)).remarks).toEqual([]);
  });

  it('with a chat template that leads out of its folder is refused', async () => {
    const adapter = await madeFor(null);
    await symlink(join(folder, 'chat_template.jinja'), join(adapter, 'chat_template.jinja'));
    expect((await errorOf(() => inspect(adapter))).message).toContain('leads out of the folder');
  });
});
