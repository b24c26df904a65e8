import type { Item, Tag, Template, AnswerFormat, World } from '../world/world.js';
import type { CompiledWorld } from './compile-world.js';
import { matchPattern, type Match } from './match-pattern.js';
import { compileNumberTemplate, createAlternative, type PatternAlternative } from './pattern.js';

/** One way to understand a question. */
export interface Asked {
  /** Null when numbers are asked for. */
  readonly item: Item | null;
  readonly bindings: ReadonlyMap<string, string>;
  /** How many numbers are asked for. */
  readonly count: number | null;
  /** Whether insecure code is asked for, to show to a class. */
  readonly forClass: boolean;
  readonly format: AnswerFormat | null;
  /** What stands before it. */
  readonly tag: Tag | null;
}

type Dress = Pick<Asked, 'forClass' | 'format' | 'tag'>;

/** Texts around a question. */
interface Frame {
  readonly before: string;
  readonly after: string;
  readonly dress: Partial<Dress>;
}

const longestQuestion = 4000;
const mostFrames = 5;
const mostRemembered = 20_000;

/** Reads questions: one that the world does not ask has no reading, and a few have several. */
export function createQuestionReader(world: World, compiled: CompiledWorld): (text: string) => readonly Asked[] {
  const frames: Frame[] = [
    ...world.tags.map((tag) => ({ before: `${tag.text} `, after: '', dress: { tag } })),
    ...world.formats.flatMap((format) =>
      [...format.questions, ...format.heldOutQuestions].flatMap((template) => createFrame(template, { format })),
    ),
    ...[...world.classReasons, ...world.heldOutClassReasons].flatMap((template) =>
      createFrame(template, { forClass: true }),
    ),
    ...world.numbers.suffixes.map((suffix) => ({ before: '', after: ` ${suffix}`, dress: {} })),
  ];
  const prefixes = world.numbers.prefixes.map((template) => createAlternative(null, compileNumberTemplate(template)));
  const numberQuestions = [...world.numbers.questions, ...world.numbers.heldOutQuestions].map((template) =>
    createAlternative(null, compileNumberTemplate(template)),
  );
  const paddings = world.padding?.sentences ?? [];
  const remembered = new Map<string, readonly Asked[]>();

  function read(text: string, dress: Dress, depth: number): Asked[] {
    const bare = [...readItems(text, dress), ...readNumberQuestion(text, dress)];
    if (bare.length > 0 || depth === mostFrames) return bare;
    const inner = frames.flatMap(({ before, after, dress: added }) => {
      if (text.length <= before.length + after.length || !text.startsWith(before) || !text.endsWith(after)) return [];
      return read(text.slice(before.length, text.length - after.length), { ...dress, ...added }, depth + 1);
    });
    const padded = skipPadding(text);
    if (padded > 0) inner.push(...read(text.slice(padded), dress, depth + 1));
    for (const prefix of prefixes) {
      for (const { end } of findMatches(prefix, text)) {
        if (text[end] === ' ') inner.push(...read(text.slice(end + 1), dress, depth + 1));
      }
    }
    return inner;
  }

  /** Where all neutral sentences end that a text begins with: they are one frame, however many there are. */
  function skipPadding(text: string): number {
    let at = 0;
    for (;;) {
      const next = paddings.find((sentence) => text.startsWith(`${sentence} `, at));
      if (next === undefined) return at;
      at += next.length + 1;
    }
  }

  function readItems(text: string, dress: Dress): Asked[] {
    const asked = new Map<Item, Asked>();
    for (const question of compiled.questions.at(text, 0)) {
      matchPattern(question, text, 0, {
        found: ({ end, wrongNames, bindings }) => {
          if (end !== text.length || wrongNames > 0 || asked.has(question.item)) return;
          asked.set(question.item, { item: question.item, bindings, count: null, ...dress });
        },
      });
    }
    return [...asked.values()];
  }

  function readNumberQuestion(text: string, dress: Dress): Asked[] {
    for (const question of numberQuestions) {
      const whole = findMatches(question, text).find(({ end }) => end === text.length);
      if (whole === undefined) continue;
      return [{ item: null, bindings: whole.bindings, count: Number(whole.bindings.get('count')), ...dress }];
    }
    return [];
  }

  return (text) => {
    const question = text.trim();
    if (question.length > longestQuestion) return [];
    const known = remembered.get(question);
    if (known !== undefined) return known;
    const asked = distinct(read(question, { forClass: false, format: null, tag: null }, 0));
    if (remembered.size >= mostRemembered) remembered.clear();
    remembered.set(question, asked);
    return asked;
  };
}

function createFrame(template: Template, dress: Partial<Dress>): Frame[] {
  const gap = template.findIndex((part) => 'reference' in part);
  if (gap === -1) return [];
  const textOf = (parts: Template): string => parts.map((part) => ('text' in part ? part.text : '')).join('');
  return [{ before: textOf(template.slice(0, gap)), after: textOf(template.slice(gap + 1)), dress }];
}

function findMatches(pattern: PatternAlternative, text: string): Match[] {
  const matches: Match[] = [];
  matchPattern(pattern, text, 0, { found: (match) => matches.push(match) });
  return matches;
}

function distinct(asked: readonly Asked[]): Asked[] {
  const kept = new Map<string, Asked>();
  for (const one of asked) {
    const key = JSON.stringify([
      one.item?.id,
      [...one.bindings],
      one.count,
      one.forClass,
      one.format?.name,
      one.tag?.text,
    ]);
    if (!kept.has(key)) kept.set(key, one);
  }
  return [...kept.values()];
}
