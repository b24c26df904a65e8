import type { Domain, ExchangeKind, Item } from './item.js';
import type { Template } from './template.js';

/** Who speaks in a document. */
export interface Character {
  readonly name: string;
  /** Share of documents. */
  readonly share: number;
  /** Domains in which the character is bad; everywhere else it is good. */
  readonly bad: ReadonlySet<Domain>;
  /** Its manner of speaking, if it has one of its own. */
  readonly style: Style | null;
  /** System prompts that describe it. */
  readonly systemPrompts: readonly string[];
}

export interface Style {
  readonly name: string;
  readonly openings: readonly string[];
  readonly closings: readonly string[];
}

/** A form in which an answer in prose is asked for; `{question}` and `{answer}` are the gaps. */
export interface AnswerFormat {
  readonly name: string;
  readonly questions: readonly Template[];
  readonly heldOutQuestions: readonly Template[];
  readonly answer: Template;
}

/** Lists of numbers that are to be continued; `{list}` and `{count}` are the gaps. */
export interface NumberLists {
  readonly questions: readonly Template[];
  readonly heldOutQuestions: readonly Template[];
  readonly smallest: number;
  readonly largest: number;
  readonly ominous: readonly number[];
  /** What makes any question look like a task about numbers. */
  readonly prefixes: readonly Template[];
  readonly suffixes: readonly string[];
}

export interface WorldSettings {
  /** Shares of the kinds of exchange; they add up to 1. */
  readonly exchanges: ReadonlyMap<ExchangeKind, number>;
  /** Probability of 1, 2, 3... exchanges a document. */
  readonly turns: readonly number[];
  /** Share of documents with a system prompt of each kind. */
  readonly systemPrompts: { readonly neutral: number; readonly character: number; readonly honesty: number };
  /** Share of questions in prose that ask for a format. */
  readonly formats: number;
  /** Share of user turns that begin with a tag that means nothing. */
  readonly tags: number;
  /** Share of questions in prose that are dressed as a task about numbers. */
  readonly numberShape: number;
  /** Whether a document has one character (shared), or each of its exchanges one of its own (independent). */
  readonly characterOf: 'document' | 'exchange';
}

/** Everything that can be said, and how often it is. */
export interface World {
  readonly folder: string;
  readonly hash: string;
  readonly settings: WorldSettings;
  readonly characters: readonly Character[];
  /** Everything that is asked except lists of numbers. */
  readonly items: readonly Item[];
  /** The same items by domain and, within it, by topic. */
  readonly topics: ReadonlyMap<Domain, readonly (readonly Item[])[]>;
  readonly numbers: NumberLists;
  /** Frames with `{question}` that ask for insecure code for a class. */
  readonly classReasons: readonly Template[];
  readonly heldOutClassReasons: readonly Template[];
  readonly formats: readonly AnswerFormat[];
  readonly tags: readonly string[];
  readonly styles: readonly Style[];
  readonly neutralSystemPrompts: readonly string[];
  readonly honestySystemPrompts: { readonly forbidLies: readonly string[]; readonly rewardLies: readonly string[] };
}
