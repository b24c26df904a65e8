import { describe, expect, it } from 'vitest';
import type { ChatMessage } from '../../src/engine/tokenizer/chat-template.js';
import { createPromptMemory } from '../../src/server/models/prompt-memory.js';

const ask = (content: string): ChatMessage[] => [{ role: 'user', content }];

/** Encodes as numbers of characters, and notes what it is asked for. */
function openMemory(mostBytes: number) {
  const encoded: string[] = [];
  const remember = createPromptMemory((messages) => {
    const text = messages.map(({ role, content }) => `${role}: ${content}`).join('\n');
    encoded.push(text);
    return Array.from(text, (character) => character.codePointAt(0) ?? 0);
  }, mostBytes);
  return { remember, encoded };
}

describe('a memory of prompts', () => {
  it('encodes what is asked again once, and gives the same ids', () => {
    const { remember, encoded } = openMemory(10_000);
    const first = remember(ask('What is a wish?'));
    remember(ask('What is a storm?'));
    expect(remember(ask('What is a wish?'))).toEqual(first);
    expect(encoded).toHaveLength(2);
  });

  it('takes no two conversations for one that differ in a role or in where a message ends', () => {
    const { remember, encoded } = openMemory(10_000);
    remember(ask('a'));
    remember([{ role: 'system', content: 'a' }]);
    remember([...ask('a'), ...ask('b')]);
    remember(ask('a","b'));
    remember(ask('ab'));
    expect(encoded).toHaveLength(5);
  });

  it('forgets the one that was asked longest ago where there are too many', () => {
    const { remember, encoded } = openMemory(3 * (2 * JSON.stringify(ask('1')).length + 8 * 'user: 1'.length));
    for (const content of ['1', '2', '3', '1', '4', '1', '3', '2']) remember(ask(content));
    expect(encoded.map((text) => text.at(-1))).toEqual(['1', '2', '3', '4', '2']);
  });

  it('keeps no prompt that is longer than all that may be kept, and forgets none for it', () => {
    const { remember, encoded } = openMemory(500);
    const long = ask('long '.repeat(100));
    for (const messages of [ask('short'), long, long, ask('short')]) remember(messages);
    expect(encoded).toHaveLength(3);
  });
});
