/** What was typed for an argument or option: a text, texts for a repeated argument, true for a flag; undefined where nothing was. */
export type TypedValue = string | readonly string[] | boolean | undefined;

export type ParsedValue<Value> = { readonly value: Value } | { readonly problem: string };

/**
 * What an argument or option takes. Plain code instead of zod: loading zod takes longer than Node takes to start, and
 * help needs nothing of it.
 */
export interface ValueType<Value> {
  /** Whether nothing need be typed. */
  readonly isOptional: boolean;
  /** The problem reads well behind the text that was typed: `"x": not a whole number`. */
  readonly parse: (typed: TypedValue) => ParsedValue<Value>;
}

export type ValueOf<Type> = Type extends ValueType<infer Value> ? Value : never;

function textType<Value>(read: (text: string) => ParsedValue<Value>): ValueType<Value> {
  return {
    isOptional: false,
    parse: (typed) => (typeof typed === 'string' ? read(typed) : { problem: 'not a text' }),
  };
}

export const anyText = textType((text) => ({ value: text }));

export const nonEmptyText = textType((text) => (text === '' ? { problem: 'empty' } : { value: text }));

/** Without the blanks around it, as in lists that are written with a comma and a blank. */
export const trimmedText = textType((text) => (text.trim() === '' ? { problem: 'empty' } : { value: text.trim() }));

/** A whole number, both bounds included. */
export function wholeNumber(least = 0, most = Number.MAX_SAFE_INTEGER): ValueType<number> {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return textType((text) => {
    const value = Number(text);
    return /^\d+$/.test(text) && value >= least && value <= most
      ? { value }
      : { problem: `not a whole number ${range}` };
  });
}

/** A decimal number, both bounds included. */
export function decimalNumber(least: number, most: number): ValueType<number> {
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  return textType((text) => {
    const value = Number(text);
    return /^-?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) && Number.isFinite(value) && value >= least && value <= most
      ? { value }
      : { problem: `not a number ${range}` };
  });
}

/** Two decimal numbers with a hyphen between, the smaller one first, both within the bounds. */
export function numberRange(least: number, most: number): ValueType<readonly [low: number, high: number]> {
  const bound = decimalNumber(least, most);
  return textType((text) => {
    const [low, high, ...more] = text.split('-').map((part) => bound.parse(part));
    return low !== undefined && high !== undefined && more.length === 0 && 'value' in low && 'value' in high
      ? low.value < high.value
        ? { value: [low.value, high.value] }
        : { problem: 'not the smaller number first' }
      : { problem: `not two numbers from ${least} to ${most} with a hyphen between` };
  });
}

/** A decimal number, both bounds excluded. */
export function numberBetween(low: number, high: number): ValueType<number> {
  const { isOptional, parse } = decimalNumber(low, high);
  return {
    isOptional,
    parse: (typed) => {
      const parsed = parse(typed);
      return 'value' in parsed && parsed.value > low && parsed.value < high
        ? parsed
        : { problem: `not a number above ${low} and below ${high}` };
    },
  };
}

export function oneOf<const Name extends string>(names: readonly Name[]): ValueType<Name> {
  return textType((text) => {
    const value = names.find((name) => name === text);
    return value === undefined ? { problem: `not one of ${names.join(', ')}` } : { value };
  });
}

/** Values with commas between; `convert` may refuse what they are together. */
export function commaSeparated<Part, Value>(
  part: ValueType<Part>,
  convert: (parts: readonly Part[]) => ParsedValue<Value>,
): ValueType<Value> {
  return textType((text) => {
    const parsed = parseEach(part, text.split(','));
    return 'problem' in parsed ? parsed : convert(parsed.value);
  });
}

/** What a repeated argument takes. */
export function repeated<Part>(part: ValueType<Part>): ValueType<readonly Part[]> {
  return {
    isOptional: false,
    parse: (typed) => (typeof typed === 'object' ? parseEach(part, typed) : { problem: 'not a list' }),
  };
}

export function optional<Value>(type: ValueType<Value>): ValueType<Value | undefined> {
  return {
    isOptional: true,
    parse: (typed) => (typed === undefined ? { value: undefined } : type.parse(typed)),
  };
}

/** Of an option without a value. */
export const flag: ValueType<boolean> = { isOptional: true, parse: (typed) => ({ value: typed === true }) };

function parseEach<Part>(type: ValueType<Part>, texts: readonly string[]): ParsedValue<readonly Part[]> {
  const values: Part[] = [];
  for (const text of texts) {
    const parsed = type.parse(text);
    if ('problem' in parsed) return { problem: `${JSON.stringify(text)} is ${parsed.problem}` };
    values.push(parsed.value);
  }
  return { value: values };
}
