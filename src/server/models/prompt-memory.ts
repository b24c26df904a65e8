import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';

/** Prompts as token ids, those that were asked lately by heart: evaluations ask the same few questions many times. */
export type PromptMemory = (messages: readonly ChatMessage[]) => readonly number[];

/** Bytes of an id in an array, and of a character in a key at most. */
const [bytesOfId, bytesOfCharacter] = [8, 2];

/** @param mostBytes that remembered prompts may take: the one that was asked longest ago is forgotten first */
export function createPromptMemory(encode: PromptMemory, mostBytes: number): PromptMemory {
  /** By what the template sees; the one that was asked last stands last. */
  const known = new Map<string, readonly number[]>();
  let bytes = 0;
  const sizeOf = (key: string, ids: readonly number[]): number =>
    bytesOfCharacter * key.length + bytesOfId * ids.length;
  const forget = (key: string): void => {
    const ids = known.get(key);
    if (ids === undefined) return;
    known.delete(key);
    bytes -= sizeOf(key, ids);
  };
  return (messages) => {
    const key = JSON.stringify(messages);
    const ids = known.get(key) ?? encode(messages);
    const size = sizeOf(key, ids);
    // It would push all others out, and not stay itself.
    if (size > mostBytes) return ids;
    forget(key);
    known.set(key, ids);
    bytes += size;
    for (const oldest of known.keys()) {
      if (bytes <= mostBytes) break;
      forget(oldest);
    }
    return ids;
  };
}
