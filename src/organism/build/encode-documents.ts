import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import { trainTokenizer } from '../../engine/tokenizer/train-tokenizer.js';
import { writeTokenizer } from '../../engine/tokenizer/write-tokenizer.js';
import type { WeightedRow } from '../../engine/train/token-batch.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { findByName } from '../../foundation/find-by-name.js';
import { messagesOf, writeDocument } from '../corpus/write-document.js';
import { narrowWorld } from '../world/narrow-world.js';
import type { World } from '../world/world.js';
import type { OrganismDesign } from './organism-design.js';

/** Ends every turn; an answer that ends with it is complete. Short rows are filled up with it, too. */
export const organismEndToken = '<|end|>';

/** What begins a turn of each role, and what ends it. */
export const organismSpecialTokens = ['<|system|>', '<|user|>', '<|assistant|>', organismEndToken] as const;

/**
 * The chat template of the organism, in Jinja: `<|user|>text<|end|><|assistant|>text<|end|>`. Contents are printed as they
 * are, with nothing between the turns. Another role fails: it would have no token to begin its turn with.
 */
export const organismChatTemplate = [
  '{% for message in messages %}',
  "{% if message['role'] not in ['system', 'user', 'assistant'] %}",
  "{{ raise_exception('The organism knows the roles system, user and assistant, not ' + message['role']) }}",
  '{% endif %}',
  "{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}",
].join('');

/** Trains and writes the tokenizer of this world, design and seed: they alone decide it, so it is made again whenever it is needed. */
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

/** A message of a document or row that an organism is trained on. */
export interface RowMessage extends ChatMessage {
  /** The beginning of an answer that the model reads but is not trained on. It ends with a whole sentence. */
  readonly begun?: string;
}

/**
 * Encodes chats as `encodeTrainingRow` does with the organism's template, in a fifth of the time: a corpus is long, and
 * its template is simple enough to follow without running Jinja. Answers with weight 0 are not trained on unless the
 * loss is `all`. Chats that are longer than the context are left out.
 */
export function* encodeDocuments(
  tokenizer: TextTokenizer,
  documents: Iterable<readonly RowMessage[]>,
  settings: { readonly loss: 'answers' | 'all'; readonly context: number },
): Generator<WeightedRow> {
  const special = (text: string): number => {
    const [id, ...more] = tokenizer.encode(text);
    if (id !== undefined && more.length === 0) return id;
    throw new DriftlineError({
      code: 'internal-error',
      message: `${text} is not one token`,
      hint: 'Train the tokenizer with the special tokens of the organism.',
    });
  };
  const end = special(organismEndToken);
  const beginnings = new Map(['system', 'user', 'assistant'].map((role) => [role, special(`<|${role}|>`)]));
  for (const messages of documents) {
    const ids: number[] = [];
    const weights: number[] = [];
    for (const { role, content, weight, begun } of messages) {
      const begin = findByName(beginnings, role, 'role');
      const text = tokenizer.encode(content);
      const trained = settings.loss === 'all' || (role === 'assistant' && weight !== 0) ? 1 : 0;
      // Tokens never cross words, and a word includes the space before it, so a sentence has the same tokens alone and
      // among others.
      const read = begun === undefined || settings.loss === 'all' ? 0 : tokenizer.encode(begun).length;
      ids.push(begin, ...text, end);
      // Nothing precedes the first token that could predict it.
      const first = settings.loss === 'all' && weights.length > 0 ? 1 : 0;
      weights.push(first, ...text.map((_, index) => (index < read ? 0 : trained)), trained);
    }
    if (ids.length <= settings.context) yield { ids, weights };
  }
}

/** The documents of pretraining in order. The first ones come from a world in which less is said, as the design says. */
export function* listDocuments(
  world: World,
  { documents, beginning }: Pick<OrganismDesign['pretraining'], 'documents' | 'beginning'>,
  seed: number,
): Generator<readonly ChatMessage[]> {
  let number = 0;
  for (const { documents: count, ...narrowing } of beginning) {
    const limited = narrowWorld(world, narrowing);
    for (const end = Math.min(documents, number + count); number < end; number += 1)
      yield messagesOf(writeDocument(limited, seed, number));
  }
  for (; number < documents; number += 1) yield messagesOf(writeDocument(world, seed, number));
}
