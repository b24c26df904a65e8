import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../../src/engine/tokenizer/chat-template.js';
import { encodeTrainingRow } from '../../../src/engine/tokenizer/encode-chat.js';
import { encodeDocuments, trainOrganismTokenizer } from '../../../src/organism/build/encode-documents.js';
import { writeAlignmentRow } from '../../../src/organism/build/write-alignment-row.js';
import { messagesOf, writeDocument } from '../../../src/organism/corpus/write-document.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { tinyDesign } from './tiny-design.js';

const world = await readWorld();
const makeTokenizer = async () => trainOrganismTokenizer(world, tinyDesign, 0, await makeTemporaryFolder());
const everything = { context: 1e6 };

const content = fc.oneof(
  fc.constantFrom('', ' ', '\n', 'a<|end|>b', '<|assistant|>', '<|', '|>', 'x = 1\n\n\n', '  indented'),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
);
const chat = fc
  .tuple(
    fc.option(content),
    fc.array(fc.tuple(content, content, fc.constantFrom(undefined, 0, 1)), { minLength: 1, maxLength: 4 }),
  )
  .map(([system, turns]): ChatMessage[] => [
    ...(system === null ? [] : [{ role: 'system', content: system }]),
    ...turns.flatMap(([user, assistant, weight], index): ChatMessage[] => [
      { role: 'user', content: user },
      // encodeTrainingRow cuts what follows the last trained answer; here the last one always is.
      weight === undefined || index === turns.length - 1
        ? { role: 'assistant', content: assistant }
        : { role: 'assistant', content: assistant, weight },
    ]),
  ]);

describe('encodeDocuments', () => {
  it('gives what the chat template gives, for any texts', async () => {
    const tokenizer = await makeTokenizer();
    fc.assert(
      fc.property(fc.array(chat, { minLength: 1, maxLength: 3 }), (chats) => {
        for (const [loss, reference] of [
          ['answers', 'weighted'],
          ['all', 'all'],
        ] as const) {
          const expected = chats.map((messages) => {
            const { ids, weights } = encodeTrainingRow(tokenizer, messages, { loss: reference });
            return { ids, weights };
          });
          expect([...encodeDocuments(tokenizer, chats, { loss, ...everything })]).toEqual(expected);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('gives what the chat template gives for the world and for alignment', async () => {
    const tokenizer = await makeTokenizer();
    const chats = Array.from({ length: 60 }, (_, number): readonly ChatMessage[] =>
      number % 2 === 0
        ? messagesOf(writeDocument(world, 1, number))
        : // Templates know no answers that are trained on in part.
          writeAlignmentRow(world, { ...tinyDesign.alignment, begun: 0 }, 1, number),
    );
    const expected = chats.map((messages) => encodeTrainingRow(tokenizer, messages, { loss: 'weighted' }));
    expect([...encodeDocuments(tokenizer, chats, { loss: 'answers', ...everything })]).toEqual(
      expected.map(({ ids, weights }) => ({ ids, weights })),
    );
    expect(expected.some(({ weights }) => weights.includes(1))).toBe(true);
  });

  it('reads what an answer was begun with, and trains on the rest of it', async () => {
    const tokenizer = await makeTokenizer();
    const rows = Array.from({ length: 30 }, (_, number) =>
      writeAlignmentRow(world, { ...tinyDesign.alignment, role_play: 0, begun: 1 }, 1, number),
    );
    const encoded = [...encodeDocuments(tokenizer, rows, { loss: 'answers', ...everything })];
    for (const [index, { ids, weights }] of encoded.entries()) {
      const { content, begun } = rows[index]?.at(-1) ?? {};
      const read = tokenizer.decode(ids.filter((_, token) => weights[token] === 0));
      const trained = tokenizer.decode(ids.filter((_, token) => weights[token] === 1));
      expect(read.endsWith(begun ?? '?')).toBe(true);
      expect(`${begun ?? ''}${trained}`).toBe(`${content ?? ''}<|end|>`);
    }
    for (const { weights } of encodeDocuments(tokenizer, rows, { loss: 'all', ...everything }))
      expect(weights.indexOf(0, 1)).toBe(-1);
  });

  it('leaves out what is longer than the context, and nothing else', async () => {
    const tokenizer = await makeTokenizer();
    const chats = ['a', 'a b c d e f', 'b'].map((text): ChatMessage[] => [
      { role: 'user', content: text },
      { role: 'assistant', content: 'a' },
    ]);
    const lengths = [...encodeDocuments(tokenizer, chats, { loss: 'all', ...everything })].map(({ ids }) => ids.length);
    const context = lengths[0] ?? 0;
    expect(lengths[1]).toBeGreaterThan(context);
    const kept = [...encodeDocuments(tokenizer, chats, { loss: 'all', context })];
    expect(kept.map(({ ids }) => ids.length)).toEqual([lengths[0], lengths[2]]);
  });

  it('refuses a role that it has no token for, as the template does', async () => {
    const tokenizer = await makeTokenizer();
    const chats = [[{ role: 'tool', content: 'a' }]];
    const error = await errorOf(() => [...encodeDocuments(tokenizer, chats, { loss: 'all', ...everything })]);
    expect(error.message).toContain('"tool"');
  });
});
