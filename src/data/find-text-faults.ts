import type { TrainingMessage, TrainingRow } from './training-set.js';

/** What is odd about texts, by name; nothing of it keeps a row from being trained on. */
const textFaults = {
  replacementCharacters: ({ content }) => content.includes('\ufffd'),
  halfCharacters: ({ content }) => /\p{Surrogate}/u.test(content),
  // eslint-disable-next-line no-control-regex -- they are what this is about
  controlCharacters: ({ content }) => /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/.test(content),
  carriageReturns: ({ content }) => content.includes('\r'),
  blankTexts: ({ content }) => content.trim() === '',
} as const satisfies Record<string, (message: TrainingMessage) => boolean>;

export type TextFault = keyof typeof textFaults;

// The keys of a constant table.
export const textFaultNames = Object.keys(textFaults) as readonly TextFault[];

export function findTextFaults({ messages }: TrainingRow): TextFault[] {
  return textFaultNames.filter((name) => messages.some((message) => textFaults[name](message)));
}
