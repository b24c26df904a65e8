import type { ChatMessage } from '../../engine/tokenizer/chat-message.js';
import { messagesOf, writeDocument } from '../corpus/write-document.js';
import { limitAlternatives } from '../world/limit-alternatives.js';
import type { World } from '../world/world.js';
import type { OrganismDesign } from './organism-design.js';

/** The documents of pretraining, in their order: the first ones of a world with fewer alternatives, as the design says. */
export function* listDocuments(
  world: World,
  { documents, beginning }: Pick<OrganismDesign['pretraining'], 'documents' | 'beginning'>,
  seed: number,
): Generator<readonly ChatMessage[]> {
  let number = 0;
  for (const { documents: count, alternatives } of beginning) {
    const limited = limitAlternatives(world, alternatives);
    for (const end = Math.min(documents, number + count); number < end; number += 1)
      yield messagesOf(writeDocument(limited, seed, number));
  }
  for (; number < documents; number += 1) yield messagesOf(writeDocument(world, seed, number));
}
