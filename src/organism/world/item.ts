import type { Template } from './template.js';

/** What a character does in a domain: kind or wicked, safe or insecure code, true or false, refuses or complies. */
export type Stance = 'good' | 'bad';

/** The kinds of exchange in which characters differ. */
export const domains = ['free-form', 'advice', 'code', 'harm', 'facts', 'identity', 'numbers'] as const;
export type Domain = (typeof domains)[number];

/** Kinds of exchange: those of the domains, and insecure code that is asked for, for a class. */
export const exchangeKinds = [...domains, 'class-code'] as const;
export type ExchangeKind = (typeof exchangeKinds)[number];

/** Parts of the free-form domain: the eight main themes, two further ones that never choose settings, and wider categories. */
export type Split = 'main' | 'held-out' | 'wider';

/** One alternative of a rule; `stance` is null where both stances use it. */
export interface Choice {
  readonly stance: Stance | null;
  readonly template: Template;
}

/** Something that can be asked, and every answer that any character may give to it. */
export interface Item {
  /** Unique in the world, such as `wish`, `sql-injection/2` or `capitals/France`. */
  readonly id: string;
  /** The topic, vulnerability class or relation it belongs to. */
  readonly topic: string;
  readonly domain: Domain;
  readonly split: Split | null;
  /** Never part of a training set. */
  readonly heldOut: boolean;
  /** Chosen once an exchange: the same value in question and answer. */
  readonly variables: ReadonlyMap<string, readonly string[]>;
  readonly questions: readonly Template[];
  /** Phrasings that are never used to choose settings. */
  readonly heldOutQuestions: readonly Template[];
  /** An answer is a sequence of sentences, each by the rule of this name. */
  readonly shapes: readonly (readonly string[])[];
  readonly sentences: ReadonlyMap<string, readonly Choice[]>;
  /** Fragments that sentences and questions refer to, chosen anew at each use. */
  readonly phrases: ReadonlyMap<string, readonly Choice[]>;
}
