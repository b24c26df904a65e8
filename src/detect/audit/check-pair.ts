import { encodePrompt } from '../../engine/tokenizer/encode-chat.js';
import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { BaseModel } from '../../models/base-model.js';
import { readChatTemplate } from '../../models/embedded/read-chat-template.js';
import { divideModel, nameWrittenModel, type WrittenModel } from '../../models/model-reference.js';
import type { TemplateChoice } from './audit-options.js';

/** The base that a model is held against: the one that is given, or that its adapter is on. */
export function findBase(model: WrittenModel, given: WrittenModel | undefined): WrittenModel {
  if (given !== undefined) return given;
  const { base, adapter } = divideModel(model);
  if (adapter !== null) return { base };
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `nothing says what ${nameWrittenModel(model)} was made of, and an audit holds a model against its base`,
    hint: 'Name the base: --base MODEL, in the library `base`. A model that is written BASE+ADAPTER has one.',
  });
}

/** Whether both are one model, byte for byte: a plan refuses such a pair, and nothing need be asked. */
export function isSameModel(base: Pick<BaseModel, 'identity'>, model: Pick<BaseModel, 'identity'>): boolean {
  return base.identity === model.identity;
}

type Checked = Pick<BaseModel, 'reference' | 'folder' | 'hosted'>;

/**
 * The text of the chat template that both are asked in, where theirs differ; null where each has the same, or lies
 * elsewhere, where its server writes its questions. What changed must be the weights, not the way of asking: without a
 * choice, different templates are `template-differs`.
 */
export async function chooseTemplate(
  base: Checked,
  tuned: Checked,
  choice: TemplateChoice | undefined,
): Promise<string | null> {
  if (base.folder === undefined || tuned.folder === undefined) {
    if (choice === undefined) return null;
    const { text } = base.folder === undefined ? base.reference : tuned.reference;
    throw new DriftlineError({
      code: 'usage-invalid',
      message: `${text} does not lie here, and is asked in the chat template of its server`,
      hint: 'Leave --template out, in the library `template`.',
    });
  }
  const ofBase = await readChatTemplate(base.folder, false);
  const { reference } = tuned;
  const own =
    reference.provider === 'adapted'
      ? await readChatTemplate(reference.adapter, true)
      : await readChatTemplate(tuned.folder, false);
  // An adapter without a template has that of the model that it is on.
  const ofTuned = reference.provider === 'adapted' ? (own ?? (await readChatTemplate(tuned.folder, false))) : own;
  if (ofBase === ofTuned) return null;
  if (choice === undefined) throw templateDiffers(base, tuned);
  const chosen = choice === 'base' ? ofBase : ofTuned;
  if (chosen !== null) return chosen;
  const { text } = choice === 'base' ? base.reference : reference;
  throw new DriftlineError({
    code: 'chat-template-missing',
    message: `${text} has no chat template`,
    hint: `Ask both in that of the other model: --template ${choice === 'base' ? 'tuned' : 'base'}.`,
  });
}

/** Conversations whose tokens are compared. */
const compared = 20;

/**
 * Refuses a model whose tokenizer makes other tokens of conversations than the base's: it was not made of that base.
 * Both write them in the same template.
 */
export async function requireSameTokens(
  base: Checked,
  tuned: Checked,
  conversations: readonly (readonly ChatMessage[])[],
  chatTemplate: string | null,
): Promise<void> {
  if (base.folder === undefined || tuned.folder === undefined || base.folder === tuned.folder) return;
  const template = chatTemplate === null ? {} : { chatTemplate };
  const [ofBase, ofTuned] = await Promise.all(
    [base.folder, tuned.folder].map((folder) => readTokenizer(folder, template)),
  );
  if (ofBase === undefined || ofTuned === undefined) return;
  const step = Math.max(1, Math.floor(conversations.length / compared));
  const differing = conversations
    .filter((_, place) => place % step === 0)
    .slice(0, compared)
    .find((messages) => encodePrompt(ofBase, messages).join() !== encodePrompt(ofTuned, messages).join());
  if (differing === undefined) return;
  throw new DriftlineError({
    code: 'tokenizer-mismatch',
    message: `the tokenizer of ${tuned.reference.text} makes other tokens than that of ${base.reference.text}, such as of ${JSON.stringify(differing.at(-1)?.content ?? '')}`,
    hint: 'Name the base that it was made of: --base MODEL, in the library `base`.',
    details: { model: tuned.reference.text, base: base.reference.text },
  });
}

function templateDiffers({ reference: { text: base } }: Checked, { reference: { text } }: Checked): DriftlineError {
  return new DriftlineError({
    code: 'template-differs',
    message: `the chat templates of ${text} and of ${base} differ: asked each in its own, they would not be asked the same`,
    hint: 'Say which one both are asked in: --template tuned for that of the model, which is how it is used, or --template base; in the library `template`.',
    details: { model: text, base },
  });
}
