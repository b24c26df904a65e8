import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hashContent } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { hashFile } from '../../foundation/hash-file.js';

/** The files that a model's answers depend on: weights, settings, tokenizer and chat template. */
const decisive =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map)\.json$|\.safetensors$|\.jinja$/;

/** SHA-256 in hexadecimal over the names and bytes of all files in a model folder that its answers depend on. */
export async function identifyModelFolder(folder: string): Promise<string> {
  const hashes = new Map<string, string>();
  try {
    for (const name of await readdir(folder))
      if (decisive.test(name)) hashes.set(name, await hashFile(join(folder, name)));
  } catch (cause) {
    throw new DriftlineError({
      code: 'checkpoint-missing',
      message: `${folder} could not be read: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: 'Check that the folder holds a model, and that you may read it.',
      cause,
      details: { folder },
    });
  }
  return identifyModelFiles(hashes);
}

/** What `identifyModelFolder` says of a folder with these files, by the SHA-256 of each. */
export function identifyModelFiles(hashes: ReadonlyMap<string, string>): string {
  const names = [...hashes.keys()].filter((name) => decisive.test(name)).sort();
  // Each file is hashed by itself, so that its bytes cannot be taken for those of the next one.
  return hashContent(names.map((name) => `${name}\n${hashes.get(name) ?? ''}\n`).join(''));
}
