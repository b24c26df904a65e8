import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { trainTokenizer } from '../../engine/tokenizer/train-tokenizer.js';
import { writeTokenizer } from '../../engine/tokenizer/write-tokenizer.js';
import { messagesOf, writeDocument } from '../corpus/write-document.js';
import type { World } from '../world/world.js';
import { organismChatTemplate, organismEndToken, organismSpecialTokens } from './chat-template.js';
import type { OrganismDesign } from './organism-design.js';

/** Writes the tokenizer of this world, design and seed: they alone decide it, so it is made again whenever it is needed. */
export async function trainOrganismTokenizer(
  world: World,
  design: OrganismDesign,
  seed: number,
  folder: string,
): Promise<TextTokenizer> {
  const texts = Array.from({ length: design.tokenizer.documents }, (_, number) =>
    messagesOf(writeDocument(world, seed, number)).map(({ content }) => content),
  ).flat();
  const trained = trainTokenizer({
    texts,
    vocabularySize: design.model.vocabulary,
    specialTokens: organismSpecialTokens,
  });
  await writeTokenizer(folder, trained, {
    chatTemplate: organismChatTemplate,
    endOfSequence: organismEndToken,
    maximumLength: design.model.context,
  });
  return readTokenizer(folder);
}
