import { z } from 'zod';
import { describeExpected, describeValueFault } from './describe-value-fault.js';
import { DriftlineError } from './driftline-error.js';
import { nearestName } from './find-by-name.js';

type Issue = z.core.$ZodIssue;

/**
 * What the entries of a list are called in errors: `question "wish"` tells a reader more than `questions.3`. Schemas of lists register
 * here, as the last of their calls. An entry is called by the text under the first of the keys `names` that has one, and without `names` by
 * itself if it is a text, in quotes unless they are left out; others are called by their number, from 1.
 */
export const listEntries = z.registry<{
  readonly one: string;
  readonly names?: readonly string[];
  readonly quotes?: false;
}>();

/** What zod found wrong, in words on which people can act. */
interface ExplainedIssue {
  /** Where the fault lies; ends with the key itself where that is unknown. */
  readonly path: readonly PropertyKey[];
  /** The names of what holds the fault, for messages: without a key that the problem names. */
  readonly place: readonly PropertyKey[];
  /** The place in words, with entries of lists by their names; empty at the top. */
  readonly where: string;
  readonly problem: string;
}

/** Reads settings strictly: an unknown one is an error that names the nearest known one; `source` says whose they are. */
export function parseSettings<Settings>(schema: z.ZodType<Settings>, input: unknown, source: string): Settings {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  const [first] = parsed.error.issues;
  const known = knownKeys(schema, first?.code === 'unrecognized_keys' ? first.path : []);
  throw new DriftlineError({
    code: 'usage-invalid',
    message: `${source}: ${describeProblems(parsed.error, schema, input)}`,
    hint: known.length === 0 ? 'Correct what was given.' : `Correct the settings; there are ${known.join(', ')}.`,
    cause: parsed.error,
  });
}

/** All that is wrong, each problem with its place: for settings that a program gives. Entries of lists are named as `input` names them. */
export function describeProblems(error: z.ZodError, schema: z.ZodType | null = null, input: unknown = null): string {
  const issues = error.issues.flatMap((issue): Issue[] =>
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => ({ ...issue, keys: [key] })) : [issue],
  );
  return issues.map((issue) => describe(explainIssue(issue, { schema, input, word: 'setting' }))).join('; ');
}

/** What to mend first, with its place: for files. */
export function describeFirstProblem(error: z.ZodError, schema: z.ZodType, input: unknown = null): string {
  return describe(explainFault(error, schema, input));
}

/** What to mend first: a misspelt key is the reason why the right one is missing. */
export function explainFault(error: z.ZodError, schema: z.ZodType, input: unknown = null): ExplainedIssue {
  const issue = mostTellingIssue(error.issues);
  if (issue === null) throw error; // zod does not fail without an issue
  return explainIssue(issue, { schema, input, word: 'key' });
}

function describe({ where, problem }: ExplainedIssue): string {
  return where === '' ? problem : `${where}: ${problem}`;
}

/** `conditions.mine.seeds`, `evaluation main: variant`, `question 2: context.0`. */
function describePlace(place: readonly PropertyKey[], schema: z.ZodType | null, input: unknown): string {
  const parts: string[] = [];
  let keys: string[] = [];
  let holder = input;
  for (const [depth, step] of place.entries()) {
    const called = typeof step === 'number' ? findListEntries(schema, place.slice(0, depth)) : undefined;
    if (called === undefined) keys.push(String(step));
    else {
      // A key that the schema gives to the list says no more than what its entries are called; one that the writer chose is a name.
      const isGiven = schemasAt(schema, place.slice(0, Math.max(0, depth - 1))).some(
        (one) => one instanceof z.ZodObject,
      );
      parts.push(...joinKeys(isGiven ? keys.slice(0, -1) : keys), describeEntry(called, holder, Number(step)));
      keys = [];
    }
    holder = stepInto(holder, step);
  }
  return [...parts, ...joinKeys(keys)].join(': ');
}

function joinKeys(keys: readonly string[]): readonly string[] {
  return keys.length === 0 ? [] : [keys.join('.')];
}

type EntryWords = NonNullable<ReturnType<typeof listEntries.get>>;

function findListEntries(schema: z.ZodType | null, path: readonly PropertyKey[]): EntryWords | undefined {
  return schemasAt(schema, path)
    .flatMap((found) => (found instanceof z.ZodArray ? [listEntries.get(found)] : []))
    .find((words) => words !== undefined);
}

function describeEntry(words: EntryWords, list: unknown, index: number): string {
  const names = Array.isArray(list) ? list.map((entry: unknown) => nameEntry(entry, words)) : [];
  const name = names[index] ?? null;
  if (name === null) return `${words.one} ${String(index + 1)}`;
  const written = words.quotes === false ? name : JSON.stringify(name);
  const isOnly = names.indexOf(name) === names.lastIndexOf(name);
  return isOnly ? `${words.one} ${written}` : `${words.one} ${String(index + 1)} (${written})`;
}

/** Longer texts are cut. */
const longestName = 60;

function nameEntry(entry: unknown, { names }: EntryWords): string | null {
  const name = (names === undefined ? [entry] : names.map((key) => stepInto(entry, key))).find(
    (text): text is string => typeof text === 'string' && text !== '',
  );
  if (name === undefined) return null;
  return name.length > longestName ? `${name.slice(0, longestName)}...` : name;
}

function stepInto(holder: unknown, step: PropertyKey): unknown {
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, step)) return undefined;
  return (holder as Readonly<Record<PropertyKey, unknown>>)[step]; // an object that has it, as was just seen
}

function mostTellingIssue(issues: readonly Issue[]): Issue | null {
  return issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0] ?? null;
}

interface ReadingContext {
  readonly schema: z.ZodType | null;
  readonly input: unknown;
  readonly word: 'key' | 'setting';
}

/** zod says too little to act on of a choice between forms, and of keys. */
function explainIssue(issue: Issue, context: ReadingContext): ExplainedIssue {
  const { path } = issue;
  const { schema, input, word } = context;
  const at = (place: readonly PropertyKey[]): Pick<ExplainedIssue, 'place' | 'where'> => ({
    place,
    where: describePlace(place, schema, input),
  });
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    const nearest = nearestName(key, knownKeys(schema, path));
    const problem = `unknown ${word} "${key}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`;
    return { path: [...path, key], ...at(path), problem };
  }
  if (issue.code === 'invalid_key') {
    const [fault] = issue.issues;
    const key = String(path.at(-1));
    const problem = `the key "${key}" is not allowed: ${describeValueFault(fault ?? issue)}`;
    return { path, ...at(path.slice(0, -1)), problem };
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const inner = closestFault(issue.errors);
    if (inner !== null) return explainIssue({ ...inner, path: [...path, ...inner.path] }, context);
    if (isMissing(input, path)) return { path, ...at(path), problem: 'is missing' };
    const expected = new Set(issue.errors.flatMap(([fault]) => (fault === undefined ? [] : describeExpected(fault))));
    return { path, ...at(path), problem: `expected ${[...expected].join(' or ')}` };
  }
  if (issue.code === 'invalid_value') {
    const value = path.reduce(stepInto, input);
    const nearest = typeof value === 'string' ? nearestName(value, issue.values.map(String)) : null;
    const meant = nearest === null ? '' : ` (did you mean "${nearest}"?)`;
    return { path, ...at(path), problem: `${describeValueFault(issue)}${meant}` };
  }
  return { path, ...at(path), problem: describeValueFault(issue) };
}

/** Whether nothing stands at a place whose holder is there. */
function isMissing(input: unknown, path: readonly PropertyKey[]): boolean {
  const holder = path.slice(0, -1).reduce(stepInto, input);
  return path.length > 0 && typeof holder === 'object' && holder !== null && path.reduce(stepInto, input) === undefined;
}

/** The fault of the form that was most likely meant: one that the value has the type of, and fits furthest. */
function closestFault(forms: readonly (readonly Issue[])[]): Issue | null {
  const faults = forms.flatMap((form) => {
    const fault = mostTellingIssue(form);
    return fault === null || isOfOtherType(fault) ? [] : [fault];
  });
  const depth = Math.max(...faults.map(({ path }) => path.length));
  return faults.find(({ path }) => path.length === depth) ?? null;
}

function isOfOtherType({ code, path }: Issue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value');
}

/**
 * The keys that a schema knows at a path, as far as it is made of objects, records, lists and choices of them; of a union,
 * those of every option.
 */
function knownKeys(schema: unknown, path: readonly PropertyKey[]): readonly string[] {
  const keys = schemasAt(schema, path).flatMap((found) => {
    if (found instanceof z.ZodObject) return Object.keys(found.shape);
    if (found instanceof z.ZodRecord && found.keyType instanceof z.ZodEnum) return found.keyType.options.map(String);
    return [];
  });
  return [...new Set(keys)];
}

function schemasAt(schema: unknown, path: readonly PropertyKey[]): readonly unknown[] {
  if (
    schema instanceof z.ZodOptional ||
    schema instanceof z.ZodNullable ||
    schema instanceof z.ZodDefault ||
    schema instanceof z.ZodPrefault
  )
    return schemasAt(schema.unwrap(), path);
  if (schema instanceof z.ZodPipe) return schemasAt(schema.in, path);
  if (schema instanceof z.ZodUnion) return schema.options.flatMap((option) => schemasAt(option, path));
  const [step, ...rest] = path;
  if (step === undefined) return [schema];
  if (schema instanceof z.ZodObject) return schemasAt(schema.shape[String(step)], rest);
  if (schema instanceof z.ZodArray) return schemasAt(schema.element, rest);
  if (schema instanceof z.ZodRecord) return schemasAt(schema.valueType, rest);
  return [];
}
