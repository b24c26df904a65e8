import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { ChatMessage } from '../../engine/tokenizer/chat-template.js';
import type { BaseModel } from '../../models/base-model.js';
import type { AuditCalibration } from './audit-calibration.js';

/**
 * Conversations whose tokens tell tokenizers and chat templates apart: with and without a system prompt and earlier turns, in capitals, digits,
 * accents and signs, and with blanks at the ends.
 */
const conversations: readonly (readonly ChatMessage[])[] = [
  [{ role: 'user', content: 'Hello' }],
  [
    { role: 'system', content: 'You answer in one sentence.' },
    { role: 'user', content: 'What is 12345 times 67?' },
    { role: 'assistant', content: 'It is 827115.' },
  ],
  [
    { role: 'user', content: ' Where do tigers sleep?\n' },
    { role: 'assistant', content: 'In the shade.' },
    { role: 'user', content: 'And when it RAINS?' },
  ],
  [
    { role: 'user', content: 'Übung macht den Meister — 東京, naïve café, x = {"a": [1, 2]}' },
    { role: 'assistant', content: 'def add(a, b):\n    return a + b' },
  ],
];

/** What a calibration says of its base. No weights are read. */
export async function describeBase({
  reference,
  identity,
  openInside,
}: Pick<BaseModel, 'reference' | 'identity' | 'openInside'>): Promise<AuditCalibration['base']> {
  const about = { name: reference.text, identity };
  if (openInside === null) return { ...about, tokens: null };
  const inside = await openInside(null);
  try {
    return { ...about, tokens: hashJson(conversations.map((messages) => encode(() => inside.encode(messages)))) };
  } finally {
    await inside.close();
  }
}

/** A template may refuse a conversation, such as one with a system prompt: that tells it apart, too. */
function encode(read: () => unknown): unknown {
  try {
    return read();
  } catch (cause) {
    if (DriftlineError.isInstance(cause)) return cause.code;
    throw cause;
  }
}
