import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../../src/engine/tokenizer/text-tokenizer.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

/** As Llama 2's and Mistral's: spaces are written as ▁, a space before the text is dropped, other characters are bytes. */
export async function makeByteFallbackTokenizer(template?: string): Promise<TextTokenizer> {
  const pieces = ['<unk>', '<s>', '</s>', '▁', 'a', 'b', '▁a', 'é'];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`);
  const vocab = Object.fromEntries([...pieces, ...bytes].map((piece, id) => [piece, id]));
  const folder = await makeTemporaryFolder();
  const definition = {
    added_tokens: pieces.slice(0, 3).map((content, id) => ({ id, content, special: true, normalized: false })),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Prepend', prepend: '▁' },
        { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      ],
    },
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
        { type: 'Strip', content: ' ', start: 1, stop: 0 },
      ],
    },
    model: { type: 'BPE', vocab, merges: ['▁ a'], unk_token: '<unk>', fuse_unk: true, byte_fallback: true },
  };
  await writeFile(join(folder, 'tokenizer.json'), JSON.stringify(definition));
  if (template !== undefined) await writeFile(join(folder, 'chat_template.jinja'), template);
  return readTokenizer(folder);
}
