import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../../src/engine/tokenizer/text-tokenizer.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { goldenFolder } from '../checkpoint/golden-folder.js';

interface TokenizerFile {
  added_tokens: { id: number; content: string; special: boolean; normalized: boolean }[];
  model: { vocab: Record<string, number> };
}

export interface ChatTokenizerSettings {
  readonly template?: string;
  /** Special tokens to add to those of the golden tokenizer. */
  readonly tokens?: readonly string[];
  readonly configuration?: Readonly<Record<string, unknown>>;
}

/** A folder with the golden tokenizer, more special tokens, and another template. */
export async function writeChatTokenizer(settings: ChatTokenizerSettings): Promise<string> {
  const folder = await makeTemporaryFolder();
  const golden = goldenFolder('qwen2-bias');
  const file = JSON.parse(await readFile(join(golden, 'tokenizer.json'), 'utf8')) as TokenizerFile;
  let id = Math.max(...Object.values(file.model.vocab)) + 1;
  for (const content of settings.tokens ?? []) {
    file.added_tokens.push({ id, content, special: true, normalized: false });
    id += 1;
  }
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(file));
  await writeFile(join(folder, 'tokenizer_config.json'), JSON.stringify(settings.configuration ?? {}));
  if (settings.template !== undefined) await writeFile(join(folder, 'chat_template.jinja'), settings.template);
  return folder;
}

export async function makeChatTokenizer(settings: ChatTokenizerSettings): Promise<TextTokenizer> {
  return readTokenizer(await writeChatTokenizer(settings));
}
