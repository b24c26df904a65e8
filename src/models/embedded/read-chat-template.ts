import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { requireOwnFile } from '../../engine/checkpoint/adapter-files.js';
import { isMissing } from '../../foundation/file-failure.js';

const templateFile = 'chat_template.jinja';
const configurationFile = 'tokenizer_config.json';

/** The text of the chat template that a folder has; null where it has none. What a stranger's folder has must be its own. */
export async function readChatTemplate(folder: string, isStrange: boolean): Promise<string | null> {
  const template = await readOptionalText(folder, templateFile, isStrange);
  if (template !== null) return template.trim();
  const configuration = await readOptionalText(folder, configurationFile, isStrange);
  try {
    const { chat_template: found } = JSON.parse(configuration ?? '{}') as { readonly chat_template?: unknown };
    return typeof found === 'string' ? found.trim() : null;
  } catch {
    // It is the tokenizer's, which is not read from an adapter.
    return null;
  }
}

/** Bytes of a stranger's file that is read. */
const largestText = 2 ** 24;

/** A file of a folder as text; null where there is none, and where a stranger's is too large. */
export async function readOptionalText(folder: string, name: string, isStrange: boolean): Promise<string | null> {
  try {
    if (isStrange && (await requireOwnFile(folder, name)).size > largestText) return null;
    return await readFile(join(folder, name), 'utf8');
  } catch (cause) {
    if (isMissing(cause)) return null;
    throw cause;
  }
}
