/** Whether a whole name of a module is what a pattern describes. */
export type ModulePattern = (name: string) => boolean;

/** More than any adapter's has: those that list all matrices of models with images and sounds have some hundreds. */
const longestPattern = 2000;
/** A count of a part in braces repeats its states. */
const mostStates = 4000;
const deepestGroup = 50;

/**
 * Reads a regular expression of Python's as adapters have them in `target_modules` and `exclude_modules`, to be matched against whole names
 * (`re.fullmatch`). Patterns come from strangers, and a backtracking engine such as JavaScript's own can be kept busy for ever by one: this
 * one follows all ways through the pattern at once, which takes at most states times characters. What that cannot do (looking ahead,
 * references to groups) and flags are refused; returned is then what the problem is, as a text.
 */
export function readModulePattern(source: string): ModulePattern | string {
  if (source.length > longestPattern)
    return `it has ${source.length} characters, and at most ${longestPattern} are read`;
  try {
    return createMatcher(new PatternParser(source).parse());
  } catch (error) {
    if (error instanceof PatternFault) return error.message;
    throw error;
  }
}

class PatternFault extends Error {}

type CharacterTest = (character: string) => boolean;

type Part =
  | { readonly kind: 'character'; readonly test: CharacterTest }
  | { readonly kind: 'place'; readonly test: PlaceTest }
  | { readonly kind: 'sequence'; readonly parts: readonly Part[] }
  | { readonly kind: 'choice'; readonly parts: readonly Part[] }
  | { readonly kind: 'repeat'; readonly part: Part; readonly least: number; readonly most: number };

type PlaceTest = (name: string, at: number) => boolean;

const isWord: CharacterTest = (character) => /^\w$/.test(character);
const isBoundary: PlaceTest = (name, at) => isWord(name.charAt(at - 1)) !== isWord(name.charAt(at));

const classes: Readonly<Record<string, CharacterTest>> = {
  d: (character) => /\d/.test(character),
  D: (character) => /\D/.test(character),
  w: isWord,
  W: (character) => !isWord(character),
  s: (character) => /\s/.test(character),
  S: (character) => /\S/.test(character),
};

const places: Readonly<Record<string, PlaceTest>> = {
  b: isBoundary,
  B: (name, at) => !isBoundary(name, at),
  A: (_, at) => at === 0,
  Z: (name, at) => at === name.length,
};

class PatternParser {
  readonly #source: string;
  #at = 0;
  #depth = 0;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): Part {
    if (!/^[ -~]*$/.test(this.#source)) throw new PatternFault('it has characters that are in no name of a module');
    const part = this.#readChoice();
    if (this.#at < this.#source.length) throw new PatternFault('it closes a group that it does not open');
    return part;
  }

  #takes(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #take(): string {
    return this.#source.charAt(this.#at++);
  }

  #readChoice(): Part {
    const parts = [this.#readSequence()];
    while (this.#takes('|')) parts.push(this.#readSequence());
    return { kind: 'choice', parts };
  }

  #readSequence(): Part {
    const parts: Part[] = [];
    while (this.#at < this.#source.length && !'|)'.includes(this.#source.charAt(this.#at)))
      parts.push(this.#readRepeated());
    return { kind: 'sequence', parts };
  }

  #readRepeated(): Part {
    const part = this.#readOne();
    const counts = this.#readCounts();
    if (counts === null) return part;
    if (part.kind === 'place') throw new PatternFault('it repeats what has no width');
    // A lazy one takes the same whole names; a possessive one does not.
    this.#takes('?');
    if (this.#readCounts() !== null) throw new PatternFault('it repeats a repetition');
    return { kind: 'repeat', part, ...counts };
  }

  #readCounts(): { readonly least: number; readonly most: number } | null {
    if (this.#takes('*')) return { least: 0, most: Infinity };
    if (this.#takes('+')) return { least: 1, most: Infinity };
    if (this.#takes('?')) return { least: 0, most: 1 };
    if (!this.#takes('{')) return null;
    const [written, least, comma, most] = /^(\d{0,3})(,?)(\d{0,3})\}/.exec(this.#source.slice(this.#at)) ?? [];
    if (written === undefined || written === '}') throw new PatternFault('it has a { that begins no count');
    this.#at += written.length;
    const counts = {
      least: Number(least),
      most: comma === '' ? Number(least) : most === '' ? Infinity : Number(most),
    };
    if (counts.most < counts.least) throw new PatternFault('it has a count whose end is before its beginning');
    return counts;
  }

  #readOne(): Part {
    const character = this.#take();
    switch (character) {
      case '(':
        return this.#readGroup();
      case '[':
        return { kind: 'character', test: this.#readSet() };
      case '.':
        return { kind: 'character', test: () => true };
      case '^':
        return { kind: 'place', test: (_, at) => at === 0 };
      case '$':
        return { kind: 'place', test: (name, at) => at === name.length };
      case '\\': {
        const escaped = this.#take();
        const place = places[escaped];
        if (place !== undefined) return { kind: 'place', test: place };
        return { kind: 'character', test: readEscaped(escaped) };
      }
      case '*':
      case '+':
      case '?':
      case '{':
        throw new PatternFault(`it has a ${character} that repeats nothing`);
      default:
        return { kind: 'character', test: (other) => other === character };
    }
  }

  #readGroup(): Part {
    if (this.#takes('?') && !this.#takes(':')) {
      const [name] = /^P<\w+>/.exec(this.#source.slice(this.#at)) ?? [];
      if (name === undefined) throw new PatternFault('it looks ahead or back, or has flags');
      this.#at += name.length;
    }
    if (++this.#depth > deepestGroup) throw new PatternFault(`it has more than ${deepestGroup} groups in one another`);
    const part = this.#readChoice();
    if (!this.#takes(')')) throw new PatternFault('it does not close a group');
    this.#depth--;
    return part;
  }

  #readSet(): CharacterTest {
    const isNegated = this.#takes('^');
    const tests: CharacterTest[] = [];
    // A bracket that comes first stands for itself.
    for (let isFirst = true; isFirst || !this.#takes(']'); isFirst = false) {
      if (this.#at >= this.#source.length) throw new PatternFault('it does not close a set');
      const [first, test] = this.#readMember();
      if (!/^-[^\]]/.test(this.#source.slice(this.#at))) {
        tests.push(test);
        continue;
      }
      this.#at++;
      const [last] = this.#readMember();
      if (first === null || last === null || last < first)
        throw new PatternFault('it has a range whose end is before its beginning');
      tests.push((character) => character >= first && character <= last);
    }
    return (character) => tests.some((test) => test(character)) !== isNegated;
  }

  /** A member of a set: null and what it takes, where it is no single character. */
  #readMember(): readonly [string | null, CharacterTest] {
    const written = this.#take();
    if (written !== '\\') return [written, (character) => character === written];
    const escaped = this.#take();
    return [Object.hasOwn(classes, escaped) ? null : escaped, readEscaped(escaped)];
  }
}

function readEscaped(escaped: string): CharacterTest {
  const known = classes[escaped];
  if (known !== undefined) return known;
  // Letters have meanings, digits refer to groups.
  if (escaped === '' || isWord(escaped)) throw new PatternFault(`it has \\${escaped}, which is not read here`);
  return (character) => character === escaped;
}

interface State {
  /** Null where a way goes on without a character. */
  readonly character: CharacterTest | null;
  readonly place: PlaceTest | null;
  readonly next: number[];
}

/** Thompson's construction: each part is built before what follows it, so that it can point there. */
function createMatcher(whole: Part): ModulePattern {
  const states: State[] = [];
  const add = (state: Partial<State> & Pick<State, 'next'>): number => {
    if (states.length === mostStates) throw new PatternFault(`it takes more than ${mostStates} states`);
    return states.push({ character: null, place: null, ...state }) - 1;
  };
  const build = (part: Part, next: number): number => {
    switch (part.kind) {
      case 'character':
        return add({ character: part.test, next: [next] });
      case 'place':
        return add({ place: part.test, next: [next] });
      case 'sequence':
        return part.parts.reduceRight((following, one) => build(one, following), next);
      case 'choice':
        return add({ next: part.parts.map((one) => build(one, next)) });
      case 'repeat': {
        let entry = next;
        if (part.most === Infinity) {
          const ways = [next];
          entry = add({ next: ways });
          ways.push(build(part.part, entry));
        } else
          for (let count = part.least; count < part.most; count++)
            entry = add({ next: [build(part.part, entry), next] });
        for (let count = 0; count < part.least; count++) entry = build(part.part, entry);
        return entry;
      }
    }
  };
  const end = add({ next: [] });
  const start = build(whole, end);
  /** The states that wait for a character, or are the end, on all ways from some at a place of a name. */
  const follow = (from: Iterable<number>, name: string, at: number): ReadonlySet<number> => {
    const seen = new Set<number>();
    const open = [...from];
    for (let index = open.pop(); index !== undefined; index = open.pop()) {
      const state = states[index];
      if (state === undefined || seen.has(index) || state.place?.(name, at) === false) continue;
      seen.add(index);
      if (state.character === null) open.push(...state.next);
    }
    return seen;
  };
  return (name) => {
    let here = follow([start], name, 0);
    for (let at = 0; at < name.length; at++) {
      const character = name.charAt(at);
      const passed = [...here].flatMap((index) => {
        const state = states[index];
        return state?.character?.(character) === true ? state.next : [];
      });
      if (passed.length === 0) return false;
      here = follow(passed, name, at + 1);
    }
    return here.has(end);
  };
}
