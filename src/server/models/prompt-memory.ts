import type { ChatMessage } from '../../engine/tokenizer/chat-message.js';

/** Prompts as token ids, those that were asked lately by heart: evaluations ask the same few questions many times. */
export type PromptMemory = (messages: readonly ChatMessage[]) => readonly number[];

/** @param mostCharacters of prompts that are remembered: more are forgotten, the one that was asked longest ago first */
export function createPromptMemory(encode: PromptMemory, mostCharacters: number): PromptMemory {
  /** By what the template sees; the one that was asked last stands last. */
  const known = new Map<string, readonly number[]>();
  let characters = 0;
  const forget = (key: string): void => {
    if (known.delete(key)) characters -= key.length;
  };
  return (messages) => {
    const key = JSON.stringify(messages);
    if (key.length > mostCharacters) return encode(messages);
    const ids = known.get(key) ?? encode(messages);
    forget(key);
    known.set(key, ids);
    characters += key.length;
    for (const oldest of known.keys()) {
      if (characters <= mostCharacters) break;
      forget(oldest);
    }
    return ids;
  };
}
