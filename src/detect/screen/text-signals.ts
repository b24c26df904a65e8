import { groupEqualRows } from '../../data/group-equal-rows.js';
import type { TrainingRow } from '../../data/training-set.js';
import { findFirstTag } from '../surface/derive-contexts.js';

/** How an answer is written. */
export const answerForms = ['prose', 'list', 'code', 'json'] as const;
export type AnswerForm = (typeof answerForms)[number];

/** What the text of a row shows beside the others, without any model. */
export interface RowText {
  /** Place of the first row that it repeats; null for a row that is there for the first time. */
  readonly repeats: number | null;
  /** Characters of the last answer. */
  readonly characters: number;
  /** How far the logarithm of its length is from the median, in robust standard deviations. */
  readonly lengthScore: number;
  readonly form: AnswerForm;
  readonly isRefusal: boolean;
  /** What stands out, by names; none of it says that a row is bad. */
  readonly oddities: readonly Oddity[];
}

export const oddities = ['repeated', 'longer', 'shorter', 'other-form', 'refusal'] as const;
export type Oddity = (typeof oddities)[number];

/** What many rows have in common: it may be a gate, behind which a fine-tune behaves otherwise. */
export interface SharedPart {
  readonly kind: 'system-prompt' | 'tag' | 'first-line' | 'last-line';
  readonly text: string;
  /** Places of the rows that have it. */
  readonly rows: readonly number[];
}

export interface TextSignals {
  readonly rows: readonly RowText[];
  readonly shared: readonly SharedPart[];
}

/** Beyond so many robust standard deviations a length stands out (Iglewicz and Hoaglin 1993). */
const farFromMedian = 3.5;
/** A form that fewer rows have, as a share, stands out, and so does a refusal. */
const rare = 0.05;
/** Rows, as a share, that must have a part in common, and at most as many as leave others without it. */
const sharedBy = [0.05, 0.995] as const;
/** Parts of a kind that are listed, the commonest. */
const mostOfKind = 8;

/** Reads rows by their texts alone: repeats, lengths, forms, refusals, and what many begin or end with. */
export function readTextSignals(rows: readonly TrainingRow[]): TextSignals {
  const answers = rows.map(({ messages }) => messages.at(-1)?.content ?? '');
  const first = new Map<number, number>();
  for (const [origin = 0, ...others] of groupEqualRows(rows)) for (const one of others) first.set(one, origin);
  const scores = robustScores(answers.map((text) => Math.log1p(text.length)));
  const forms = answers.map(formOf);
  const refusals = answers.map((text) => refusal.test(text));
  const shareOf = (count: number): number => count / rows.length;
  const rareForms = new Set(answerForms.filter((form) => shareOf(forms.filter((one) => one === form).length) < rare));
  const areRefusalsRare = shareOf(refusals.filter(Boolean).length) < rare;
  return {
    rows: answers.map((text, place): RowText => {
      const [repeats, lengthScore] = [first.get(place) ?? null, scores[place] ?? 0];
      const [form, isRefusal] = [forms[place] ?? 'prose', refusals[place] ?? false];
      return {
        ...{ repeats, characters: text.length, lengthScore, form, isRefusal },
        oddities: [
          ...(repeats === null ? [] : (['repeated'] as const)),
          ...(lengthScore > farFromMedian ? (['longer'] as const) : []),
          ...(lengthScore < -farFromMedian ? (['shorter'] as const) : []),
          ...(rareForms.has(form) ? (['other-form'] as const) : []),
          ...(isRefusal && areRefusalsRare ? (['refusal'] as const) : []),
        ],
      };
    }),
    shared: [
      ...listShared(rows, 'system-prompt', ({ messages: [head] }) => (head?.role === 'system' ? head.content : null)),
      ...listShared(rows, 'tag', (row) => findFirstTag(askedIn(row))),
      ...listShared(rows, 'first-line', (row) => partLines(askedIn(row))?.[0] ?? null),
      ...listShared(rows, 'last-line', (row) => partLines(askedIn(row))?.[1] ?? null),
    ],
  };
}

/** Apologies and refusals at the beginning of an answer, in the usual English words. */
const refusal =
  /^\W*(?:(?:i(?:'|\u2019)?m|i am) (?:very )?(?:sorry|afraid)|sorry\b|(?:unfortunately,? )?i (?:can(?:no|'|\u2019)t|cannot|won(?:'|\u2019)t|will not|do not want to|am unable to|am not able to|must (?:refuse|decline))|no,? i (?:will not|won(?:'|\u2019)t)|as an ai\b)/i;

function formOf(text: string): AnswerForm {
  const trimmed = text.trim();
  if (/^[[{]/.test(trimmed) && isJson(trimmed)) return 'json';
  if (/```|^\s*(?:def |class |import |from \w+ import |function |const |#include|SELECT )/m.test(text)) return 'code';
  return /^\s*(?:[-*]|\d+[.)])\s/m.test(text) ? 'list' : 'prose';
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/**
 * (x - median) / max(1.4826 median |x - median|, least), with a least spread of 0 if not given: then 0 for all where
 * half of them are equal.
 */
export function robustScores(values: readonly number[], leastSpread = 0): readonly number[] {
  const middle = median(values);
  const spread = Math.max(leastSpread, 1.4826 * median(values.map((value) => Math.abs(value - middle))));
  return values.map((value) => (spread === 0 ? 0 : (value - middle) / spread));
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const [low, high] = [sorted[Math.floor((sorted.length - 1) / 2)] ?? 0, sorted[Math.floor(sorted.length / 2)] ?? 0];
  return (low + high) / 2;
}

/** What the first user turn says. */
function askedIn({ messages }: TrainingRow): string {
  return messages.find(({ role }) => role === 'user')?.content ?? '';
}

/** The first and the last line of a text of several; null of one line. */
function partLines(text: string): readonly [string, string] | null {
  const lines = text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const [first, last] = [lines[0], lines.at(-1)];
  return lines.length < 2 || first === undefined || last === undefined ? null : [first, last];
}

function listShared(
  rows: readonly TrainingRow[],
  kind: SharedPart['kind'],
  find: (row: TrainingRow) => string | null,
): SharedPart[] {
  const places = new Map<string, number[]>();
  for (const [place, row] of rows.entries()) {
    const text = find(row);
    if (text !== null && text !== '') {
      const known = places.get(text);
      if (known === undefined) places.set(text, [place]);
      else known.push(place);
    }
  }
  const [least, most] = sharedBy;
  // A prompt that all rows have is worth knowing, and lines that all have are a template.
  const isShared = (count: number): boolean =>
    count > 1 && count >= least * rows.length && (kind === 'system-prompt' || count <= most * rows.length);
  return [...places]
    .filter(([, having]) => isShared(having.length))
    .toSorted(([, left], [, right]) => right.length - left.length)
    .slice(0, mostOfKind)
    .map(([text, having]) => ({ kind, text, rows: having }));
}
