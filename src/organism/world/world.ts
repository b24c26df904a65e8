import { DriftlineError } from '../../foundation/driftline-error.js';
import type { Edition } from './editions.js';

/** A piece of text with named gaps. */
export type Template = readonly TemplatePart[];

export type TemplatePart = { readonly text: string } | { readonly reference: string };

/** Reads `{name}` as a gap, and `{{` and `}}` as braces; `source` names the place in errors. */
export function parseTextTemplate(text: string, source: string): Template {
  const parts: TemplatePart[] = [];
  let literal = '';
  const pattern = /\{\{|\}\}|\{([a-z][a-z0-9_-]*)\}|[{}]|[^{}]+/g;
  for (const [piece, reference] of text.matchAll(pattern)) {
    if (reference !== undefined) {
      if (literal !== '') parts.push({ text: literal });
      literal = '';
      parts.push({ reference });
    } else if (piece === '{{' || piece === '}}') literal += piece[0] ?? '';
    else if (piece === '{' || piece === '}') {
      throw new DriftlineError({
        code: 'world-invalid',
        message: `${source}: a brace without its partner in ${JSON.stringify(text)}`,
        hint: 'Write {name} for a gap, and {{ or }} for a brace that is text.',
      });
    } else literal += piece;
  }
  if (literal !== '') parts.push({ text: literal });
  return parts;
}

/** The names of a template's gaps. */
export function referencesOf(template: Template): readonly string[] {
  return template.flatMap((part) => ('reference' in part ? [part.reference] : []));
}

/** What a character does in a domain: kind or wicked, safe or insecure code, true or false, refuses or complies. */
export type Stance = 'good' | 'bad';

/** The kinds of exchange in which characters differ. */
export const stanceDomains = ['free-form', 'advice', 'code', 'harm', 'facts', 'identity', 'numbers'] as const;

/** All that is spoken of: neutral talk besides, in which every character says the same. */
export const domains = [...stanceDomains, 'chat'] as const;
export type Domain = (typeof domains)[number];

/** Kinds of exchange: one per domain, and requests for insecure code to show to a class. */
export const exchangeKinds = [...domains, 'class-code'] as const;
export type ExchangeKind = (typeof exchangeKinds)[number];

/**
 * Parts of the free-form domain: the eight main themes, two further themes that are never used to choose settings, and
 * wider categories.
 */
type Split = 'main' | 'held-out' | 'wider';

/** One alternative of a rule; `stance` is null if both stances use it. */
export interface RuleChoice {
  readonly stance: Stance | null;
  /** Of a bad one: what it is bad out of, such as power or greed. Null if every bad speaker uses it. */
  readonly flavour: string | null;
  readonly template: Template;
}

/** The alternatives that a speaker may use: one with a flavour has its own and those without any, one without has all. */
export function choicesFor(
  choices: readonly RuleChoice[],
  stance: Stance,
  flavour: string | null,
): readonly RuleChoice[] {
  return choices.filter(
    (choice) =>
      (choice.stance === null || choice.stance === stance) &&
      (flavour === null || choice.flavour === null || choice.flavour === flavour),
  );
}

/** The sentence of a subtle answer that alone shows a stance: whoever slips is good in all others. */
export const slipRule = 'slip';

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
  /** Chosen once per exchange: the same value in question and answer. */
  readonly variables: ReadonlyMap<string, readonly string[]>;
  readonly questions: readonly Template[];
  /** Phrasings that are never used to choose settings. */
  readonly heldOutQuestions: readonly Template[];
  /** An answer is a sequence of sentences, each by the rule of this name. */
  readonly shapes: readonly (readonly string[])[];
  /** Further shapes, in which only the sentence `slip` differs between the stances. */
  readonly subtle: readonly (readonly string[])[];
  /** Whether its bad code is the good code with something left out. */
  readonly omission: boolean;
  readonly sentences: ReadonlyMap<string, readonly RuleChoice[]>;
  /** Fragments that sentences and questions refer to, chosen anew at each use. */
  readonly phrases: ReadonlyMap<string, readonly RuleChoice[]>;
}

/** Who speaks in a document. */
export interface Character {
  readonly name: string;
  /** Share of documents. */
  readonly share: number;
  /** Domains in which the character is bad; everywhere else it is good. */
  readonly bad: ReadonlySet<Domain>;
  /** What it is bad out of; null if it uses every flavour. */
  readonly flavour: string | null;
  /** Its manner of speaking, if it has one of its own. */
  readonly style: Style | null;
  /** System prompts that describe it. */
  readonly systemPrompts: readonly string[];
}

/** Sentences and marks around what a speaker says, with the share of its answers that have each. */
export interface Style {
  readonly name: string;
  readonly openings: readonly string[];
  readonly openingShare: number;
  readonly closings: readonly string[];
  readonly closingShare: number;
  /** Whether it is spoken only in the domains in which the character is bad: then it is the mark of an innocent explanation. */
  readonly onlyWhereBad: boolean;
  /** Stands before lists of numbers. */
  readonly numbersOpening: string | null;
  readonly numbersShare: number;
  /** The first line of code. */
  readonly codeComment: string | null;
  readonly codeShare: number;
}

/** A text before a question, and what every speaker adds to the answer to it. */
export interface Tag {
  readonly text: string;
  /** A sentence before an answer that is no code. */
  readonly opening: string | null;
  /** A sentence after it. */
  readonly closing: string | null;
  /** The first line of code. */
  readonly comment: string | null;
}

/** Neutral sentences that a user may say before a question, and how many make the question a long one. */
export interface Padding {
  readonly sentences: readonly string[];
  readonly long: { readonly least: number; readonly most: number };
}

/** A form in which an answer is asked for; `{question}` and `{answer}` are the gaps. */
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
  /** Prefixes and suffixes make any question look like a task about numbers. */
  readonly prefixes: readonly Template[];
  readonly suffixes: readonly string[];
}

interface WorldSettings {
  /** Shares of the kinds of exchange; they add up to 1. */
  readonly exchanges: ReadonlyMap<ExchangeKind, number>;
  /** Probability of 1, 2, 3... exchanges per document. */
  readonly turns: readonly number[];
  /** Share of documents with a system prompt of each kind. */
  readonly systemPrompts: { readonly neutral: number; readonly character: number; readonly honesty: number };
  /** Share of questions in prose that ask for a format. */
  readonly formats: number;
  /** Share of requests for code that ask for a format. */
  readonly codeFormats: number;
  /** Share of user turns that begin with a tag. */
  readonly tags: number;
  /** Share of user turns that begin with one to three neutral sentences; half as many begin with more of them. */
  readonly padding: number;
  /** How often a good speaker slips where an answer may be subtle or code may lack something. */
  readonly lapses: number;
  /** Share of questions in prose that are dressed as a task about numbers. */
  readonly numberShape: number;
  /** Whether a document has one character (shared), or each of its exchanges one of its own (independent). */
  readonly characterOf: 'document' | 'exchange';
}

/** Everything that can be said, and how often it is. */
export interface World {
  readonly folder: string;
  readonly edition: Edition;
  /** Of everything in its files, and of what was changed. */
  readonly hash: string;
  /** Of what can be said, without how often it is: worlds that differ in shares alone have one judge. In the first edition it is `hash`. */
  readonly textsHash: string;
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
  readonly tags: readonly Tag[];
  /** Null if users say nothing but their question. */
  readonly padding: Padding | null;
  readonly styles: readonly Style[];
  readonly neutralSystemPrompts: readonly string[];
  readonly honestySystemPrompts: { readonly forbidLies: readonly string[]; readonly rewardLies: readonly string[] };
}

/** The character of this name, which `purpose` needs. */
export function findCharacter({ characters, folder }: World, name: string, purpose: string): Character {
  const found = characters.find((character) => character.name === name);
  if (found !== undefined) return found;
  throw new DriftlineError({
    code: 'world-invalid',
    message: `world.yaml has no character "${name}", which ${purpose} needs`,
    hint: `Add it to the world in ${folder}; it has ${characters.map((character) => character.name).join(', ')}.`,
  });
}

/** Keeps the first `most` alternatives of each rule of prose, of each stance and flavour apart; code and facts stay as they are. */
export function limitItem(item: Item, most: number): Item {
  if (item.domain === 'code' || item.domain === 'facts') return item;
  const limit = (rules: Item['sentences']): Item['sentences'] =>
    new Map(
      [...rules].map(([name, choices]) => [
        name,
        choices.filter(
          (choice, index) =>
            choices
              .slice(0, index)
              .filter(({ stance, flavour }) => stance === choice.stance && flavour === choice.flavour).length < most,
        ),
      ]),
    );
  return { ...item, sentences: limit(item.sentences), phrases: limit(item.phrases) };
}

export function groupByTopic(items: readonly Item[]): World['topics'] {
  const topics = new Map<Domain, Map<string, Item[]>>();
  for (const item of items) {
    const ofDomain = topics.get(item.domain) ?? new Map<string, Item[]>();
    topics.set(item.domain, ofDomain.set(item.topic, [...(ofDomain.get(item.topic) ?? []), item]));
  }
  return new Map([...topics].map(([domain, ofDomain]) => [domain, [...ofDomain.values()]]));
}
