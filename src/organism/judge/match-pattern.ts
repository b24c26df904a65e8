import type { Stance } from '../world/world.js';
import type { PatternAlternative, NumberGap, Pattern, PhraseGap, VariableGap } from './pattern.js';

/** One way to read a text from some position on. */
export interface Match {
  readonly end: number;
  /**
   * How much of each stance it shows: 1 per phrase with a stance, or per sentence without such phrases; 1/2 for words
   * whose phrases contradict them.
   */
  readonly good: number;
  readonly bad: number;
  /** The flavours of its bad words, one for each. */
  readonly flavours: readonly string[];
  /** Variables whose value differs from the question's. */
  readonly wrongNames: number;
  /** Phrases that belong to another gap. */
  readonly clumsy: number;
  readonly bindings: ReadonlyMap<string, string>;
}

interface MatchOptions {
  /** Values that variables already have. */
  readonly bindings?: ReadonlyMap<string, string>;
  /** Also take phrases that belong to other gaps of the item. */
  readonly loose?: boolean;
  readonly found?: (match: Match) => void;
  /** Called where the text ends inside the pattern, with the stance shown so far. */
  readonly cut?: (stance: Stance | null) => void;
}

const noBindings: ReadonlyMap<string, string> = new Map();

/**
 * Finds every reading of the text that begins at `start`. Patterns are finite and not recursive, so the work does not
 * depend on the text's length.
 */
export function matchPattern(root: PatternAlternative, text: string, start: number, options: MatchOptions): void {
  if (canBegin(root, text, start, options.cut !== undefined)) matchWhole(root, text, start, options);
}

function matchWhole(root: PatternAlternative, text: string, start: number, options: MatchOptions): void {
  const { found, cut } = options;
  const bindings = new Map(options.bindings ?? noBindings);
  /** Positive: good; negative: bad. */
  const evidence: number[] = [];
  const flavours: string[] = [];
  const open: PatternAlternative[] = [];
  let wrongNames = 0;
  let clumsy = 0;

  function enter(alternative: PatternAlternative, at: number, loose: boolean, next: (at: number) => void): void {
    const before = evidence.length;
    if (!canBegin(alternative, text, at, cut !== undefined)) return;
    open.push(alternative);
    walk(alternative.pattern, 0, at, loose, (end) => {
      const own = alternative.stance === 'good' ? 1 : alternative.stance === 'bad' ? -1 : 0;
      const inner = evidence.slice(before);
      const adds = own !== 0 && !inner.some((part) => part * own > 0);
      if (adds) evidence.push(inner.length === 0 ? own : own / 2);
      if (alternative.flavour !== null) flavours.push(alternative.flavour);
      open.pop();
      next(end);
      open.push(alternative);
      if (alternative.flavour !== null) flavours.pop();
      if (adds) evidence.pop();
    });
    open.pop();
  }

  function walk(pattern: Pattern, index: number, at: number, loose: boolean, next: (at: number) => void): void {
    const part = pattern[index];
    const onward = (end: number): void => walk(pattern, index + 1, end, loose, next);
    if (part === undefined) next(at);
    else if (typeof part === 'string') takeText(part, at, onward);
    else if (part.kind === 'variable') takeVariable(part, at, onward);
    else if (part.kind === 'number') takeNumber(part, at, onward);
    else takePhrase(part, at, loose, onward);
  }

  function takeText(part: string, at: number, onward: (end: number) => void): boolean {
    if (text.startsWith(part, at)) {
      onward(at + part.length);
      return true;
    }
    if (cut !== undefined && isCutIn(part, text, at)) cut(stanceSoFar());
    return false;
  }

  function takeVariable(gap: VariableGap, at: number, onward: (end: number) => void): void {
    const bound = bindings.get(gap.name);
    for (const value of gap.values) {
      if (bound === undefined) {
        bindings.set(gap.name, value);
        takeText(value, at, onward);
        bindings.delete(gap.name);
      } else {
        const wrong = value === bound ? 0 : 1;
        wrongNames += wrong;
        takeText(value, at, onward);
        wrongNames -= wrong;
      }
    }
  }

  function takeNumber(gap: NumberGap, at: number, onward: (end: number) => void): void {
    let end = skipDigits(text, at);
    if (end === at) return;
    while (gap.list && text.startsWith(', ', end)) {
      const after = skipDigits(text, end + 2);
      if (after === end + 2) break;
      end = after;
    }
    const digits = text.slice(at, end);
    if (gap.except.includes(digits)) return;
    bindings.set(gap.name, digits);
    onward(end);
    bindings.delete(gap.name);
  }

  function takePhrase(gap: PhraseGap, at: number, loose: boolean, onward: (end: number) => void): void {
    for (const alternative of gap.alternatives) enter(alternative, at, loose, onward);
    if (!loose) return;
    clumsy += 1;
    // Strictly, because otherwise a phrase could contain itself.
    for (const alternative of gap.related) enter(alternative, at, false, onward);
    clumsy -= 1;
  }

  function stanceSoFar(): Stance | null {
    const parts = [...evidence];
    const innermost = open.at(-1);
    const stance = innermost?.decidedByGap === false ? innermost.stance : null;
    if (stance !== null) parts.push(stance === 'good' ? 1 : -1);
    if (parts.length === 0) return null;
    if (parts.every((part) => part > 0)) return 'good';
    return parts.every((part) => part < 0) ? 'bad' : null;
  }

  enter(root, start, options.loose ?? false, (end) => {
    if (found === undefined) return;
    let good = 0;
    let bad = 0;
    for (const part of evidence) {
      if (part > 0) good += part;
      else bad -= part;
    }
    found({ end, good, bad, flavours: [...flavours], wrongNames, clumsy, bindings: new Map(bindings) });
  });
}

/** A cheap test of the first part, because most patterns fail at once. */
function canBegin({ pattern: [first] }: PatternAlternative, text: string, at: number, orCut: boolean): boolean {
  return typeof first !== 'string' || text.startsWith(first, at) || (orCut && isCutIn(first, text, at));
}

/** Whether the text ends inside this part. */
function isCutIn(part: string, text: string, at: number): boolean {
  return text.length - at < part.length && part.startsWith(text.slice(at));
}

function skipDigits(text: string, at: number): number {
  let end = at;
  // Longer runs of digits are no numbers of this world.
  while (end - at < 12 && isDigit(text.charCodeAt(end))) end += 1;
  return end;
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}
