import { cp, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chooseTemplate, requireSameTokens } from '../../../src/detect/audit/check-pair.js';
import { readChatTemplate } from '../../../src/models/embedded/read-chat-template.js';
import { openBaseModel } from '../../../src/models/open-base-model.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

const folder = goldenFolder('qwen2-bias');
const open = (name: string) => openBaseModel(name, { environment: {}, fetch, threads: 1 });
const other = '{% for message in messages %}{{ message.content }}\n{% endfor %}';
const questions = ['What is good?', 'Tell me about the moon.'].map((content) => [{ role: 'user' as const, content }]);

/** A copy of the model whose chat template is another one. */
async function makeCopy(template: string): Promise<string> {
  const copy = await makeTemporaryFolder();
  await cp(folder, copy, { recursive: true });
  await writeFile(join(copy, 'chat_template.jinja'), template);
  return copy;
}

/** An adapter of the model, with this chat template in its folder. */
async function makeAdapter(template: string | null): Promise<string> {
  const adapter = await makeTemporaryFolder();
  await cp(join(folder, 'adapter_final'), adapter, { recursive: true });
  if (template !== null) await writeFile(join(adapter, 'chat_template.jinja'), template);
  return `${folder}+${adapter}`;
}

/** A copy of the model whose tokenizer calls all its tokens otherwise. */
async function makeStranger(): Promise<string> {
  const copy = await makeCopy(other);
  const file = join(copy, 'tokenizer.json');
  const tokenizer = JSON.parse(await readFile(file, 'utf8')) as {
    readonly model: { readonly vocab: Record<string, number> };
  };
  const { vocab } = tokenizer.model;
  const names = Object.keys(vocab);
  const ids = names.map((name) => vocab[name]!);
  for (const [place, name] of names.entries()) vocab[name] = ids.at(place - 1)!;
  await writeFile(file, JSON.stringify(tokenizer));
  return copy;
}

describe('the chat template that an audit asks in', () => {
  it('is that of both where they have the same, and an adapter without one has that of its model', async () => {
    const base = await open(folder);
    const own = (await readChatTemplate(folder, false)) ?? '';
    expect(await chooseTemplate(base, await open(await makeCopy(own)), undefined)).toBeNull();
    expect(await chooseTemplate(base, await open(await makeAdapter(null)), undefined)).toBeNull();
    expect(await chooseTemplate(base, await open(await makeAdapter(own)), 'tuned')).toBeNull();
  });

  it('must be chosen where theirs differ, be it of a whole model or of an adapter', async () => {
    const base = await open(folder);
    for (const name of [await makeCopy(other), await makeAdapter(other)]) {
      const tuned = await open(name);
      const failed = await errorOf(() => chooseTemplate(base, tuned, undefined));
      expect(failed).toMatchObject({ code: 'template-differs', exitCode: 2 });
      expect(failed.message).toBe(
        `the chat templates of ${name} and of ${folder} differ: asked each in its own, they would not be asked the same`,
      );
      expect(await chooseTemplate(base, tuned, 'tuned')).toBe(other.trim());
      expect(await chooseTemplate(base, tuned, 'base')).toBe(await readChatTemplate(folder, false));
    }
  });

  it('is that of its server for a model that lies elsewhere', async () => {
    const hosted = await openBaseModel('openai:gpt-4.1', { environment: { OPENAI_API_KEY: 'none' }, fetch });
    expect(await chooseTemplate(hosted, hosted, undefined)).toBeNull();
    expect((await errorOf(() => chooseTemplate(hosted, hosted, 'base'))).code).toBe('usage-invalid');
  });

  it('is asked in by a model that is opened with it, which is then another model', async () => {
    const name = await makeAdapter(other);
    const [own, given] = [await open(name), await openBaseModel(name, { threads: 1, chatTemplate: other.trim() })];
    expect(given.identity).not.toBe(own.identity);
    expect(own.remarks.join()).toContain('has a chat template that differs');
    expect(given.remarks.join()).not.toContain('has a chat template');
    expect(given.openTrainer).toBeNull();
    const [inside, written] = [await own.openInside?.(null), await given.openInside?.(null)];
    const [question = []] = questions;
    expect(written?.encode(question).ids).not.toEqual(inside?.encode(question).ids);
    await Promise.all([inside?.close(), written?.close()]);
  });
});

describe('the tokens of a pair', () => {
  it('are compared in one template', async () => {
    const base = await open(folder);
    await requireSameTokens(base, await open(await makeCopy(other)), questions, other);
    await requireSameTokens(base, await open(await makeAdapter(null)), questions, null);
    const stranger = await open(await makeStranger());
    const failed = await errorOf(() => requireSameTokens(base, stranger, questions, other));
    expect(failed).toMatchObject({ code: 'tokenizer-mismatch', exitCode: 2 });
    expect(failed.message).toContain('such as of "What is good?"');
  });
});
