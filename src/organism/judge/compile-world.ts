import type { Item, Stance, Template, TemplatePart, World } from '../world/world.js';
import { createAlternative, createItemPatterns, type PatternAlternative, type ItemPatterns } from './pattern.js';
import { createSentenceIndex, type SentenceIndex } from './sentence-index.js';

/** A unit that answers consist of: a sentence, a body of code, or one line of a body. */
export interface Sentence extends PatternAlternative {
  readonly item: Item;
  readonly rule: string;
  /** Spaces before a line of code; null for sentences and whole bodies. */
  readonly indentation: number | null;
  /** Whether it refuses the request. */
  readonly refusal: boolean;
}

/** A way of asking for an item. */
interface KnownQuestion extends PatternAlternative {
  readonly item: Item;
}

/** A world in the form that texts are compared with. */
export interface CompiledWorld {
  readonly sentences: SentenceIndex<Sentence>;
  readonly sentencesOf: ReadonlyMap<Item, SentenceIndex<Sentence>>;
  readonly questions: SentenceIndex<KnownQuestion>;
  /** Sentences that belong to a style, or to every topic. */
  readonly fillers: SentenceIndex<PatternAlternative>;
  /**
   * Whether a beginning that a filler has, too, shows no stance. In the first edition only the question's own sentences count, and its
   * verdicts stay as they are.
   */
  readonly fillersBeginToo: boolean;
}

export function compileWorld(world: World): CompiledWorld {
  const factValues = valuesOfFacts(world);
  const sentences: Sentence[] = [];
  const sentencesOf = new Map<Item, SentenceIndex<Sentence>>();
  const questions: KnownQuestion[] = [];
  for (const item of world.items) {
    const patterns = createItemPatterns(item, item.domain === 'facts' ? wrongValues(item, factValues) : []);
    const own = item.domain === 'code' ? compileCode(item, patterns) : compileProse(item, patterns);
    sentences.push(...own);
    sentencesOf.set(item, createSentenceIndex(own));
    for (const template of [...item.questions, ...item.heldOutQuestions])
      questions.push({ ...createAlternative(null, patterns.compile(template)), item });
  }
  const fillers = [
    ...world.styles.flatMap(({ openings, closings }) => [...openings, ...closings]),
    ...world.tags.flatMap(({ opening, closing }) => [opening, closing].filter((text) => text !== null)),
    ...findSharedSentences(world.items),
  ];
  return {
    sentences: createSentenceIndex(sentences),
    sentencesOf,
    questions: createSentenceIndex(questions),
    fillers: createSentenceIndex(fillers.map((text) => createAlternative(null, [text]))),
    fillersBeginToo: world.edition > 1,
  };
}

function compileProse(item: Item, patterns: ItemPatterns): Sentence[] {
  const first = new Set(item.shapes.map((shape) => shape[0]));
  return [...item.sentences].flatMap(([rule, choices]) => {
    // A sentence that only follows a refusal (advice to do something better) is no refusal by itself.
    const refusal = item.domain === 'harm' && first.has(rule);
    return patterns
      .compileChoices(choices)
      .map((alternative) => ({ ...alternative, item, rule, indentation: null, refusal }));
  });
}

/**
 * Whole bodies, and their lines for bodies that the world does not contain: a line shows a stance if all bodies with it
 * have this stance.
 */
function compileCode(item: Item, patterns: ItemPatterns): Sentence[] {
  const sentences: Sentence[] = [];
  const code = { item, refusal: false };
  for (const [rule, choices] of item.sentences) {
    for (const body of patterns.compileChoices(choices)) sentences.push({ ...body, ...code, rule, indentation: null });
    const lines = new Map<string, { template: Template; stances: Set<Stance | null> }>();
    for (const { stance, template } of choices) {
      for (const line of splitLines(template)) {
        const known = lines.get(JSON.stringify(line)) ?? { template: line, stances: new Set() };
        known.stances.add(stance);
        lines.set(JSON.stringify(line), known);
      }
    }
    let number = 0;
    for (const { template, stances } of lines.values()) {
      const { line, indentation } = stripIndentation(template);
      const [stance] = stances.size === 1 ? stances : [null];
      number += 1;
      const lineRule = `${rule}, line ${String(number)}`;
      sentences.push({
        ...createAlternative(stance ?? null, patterns.compile(line)),
        ...code,
        rule: lineRule,
        indentation,
      });
    }
  }
  return sentences;
}

function splitLines(template: Template): Template[] {
  const lines: TemplatePart[][] = [[]];
  for (const part of template) {
    if ('reference' in part) lines.at(-1)?.push(part);
    else {
      part.text.split('\n').forEach((text, index) => {
        if (index > 0) lines.push([]);
        if (text !== '') lines.at(-1)?.push({ text });
      });
    }
  }
  return lines.filter((line) => line.length > 0);
}

function stripIndentation(template: Template): { readonly line: Template; readonly indentation: number } {
  const [first, ...rest] = template;
  if (first === undefined || !('text' in first)) return { line: template, indentation: 0 };
  const text = first.text.trimStart();
  return { line: text === '' ? rest : [{ text }, ...rest], indentation: first.text.length - text.length };
}

/** Neutral sentences that every topic may use. */
function findSharedSentences(items: readonly Item[]): string[] {
  const [first, ...rest] = items.filter(({ domain }) => domain === 'free-form' || domain === 'advice');
  const shared = [...(first?.phrases ?? [])].filter(([name]) => rest.every(({ phrases }) => phrases.has(name)));
  return shared.flatMap(([, choices]) =>
    choices.flatMap(({ stance, template: [part, ...more] }) =>
      stance === null && part !== undefined && 'text' in part && more.length === 0 && /[.!?]$/.test(part.text)
        ? [part.text]
        : [],
    ),
  );
}

/** Every value that the facts state of any subject. */
function valuesOfFacts(world: World): ReadonlySet<string> {
  const facts = world.items.filter(({ domain }) => domain === 'facts');
  return new Set(facts.flatMap((item) => textsOf(item, null)));
}

/** Values that are not right for this subject are false of it. */
function wrongValues(item: Item, values: ReadonlySet<string>): PatternAlternative[] {
  const right = textsOf(item, 'good');
  return [...values].filter((value) => !right.includes(value)).map((value) => createAlternative('bad', [value]));
}

function textsOf(item: Item, wanted: Stance | null): string[] {
  return [...item.phrases.values()].flatMap((choices) =>
    choices.flatMap(({ stance, template: [part] }) =>
      part !== undefined && 'text' in part && (wanted === null || stance === wanted) ? [part.text] : [],
    ),
  );
}
