import type { z } from 'zod';
import { knownKeys } from './known-keys.js';
import { nearestName } from './find-by-name.js';

type Issue = z.core.$ZodIssue;

export interface ExplainedIssue {
  /** Where the fault lies; ends with the key itself where that is unknown. */
  readonly path: readonly PropertyKey[];
  /** The names of what holds the fault, for messages: without a key that the problem names. */
  readonly place: readonly PropertyKey[];
  readonly problem: string;
}

/** The issue to begin with: a misspelt key is the reason why the right one is missing. */
export function mostTellingIssue(issues: readonly Issue[]): Issue | null {
  return issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0] ?? null;
}

/** What is wrong, for people: zod says of a choice between forms, and of keys, too little to act on. */
export function explainIssue(issue: Issue, schema: z.ZodType): ExplainedIssue {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys') {
    const [key = ''] = issue.keys;
    return { path: [...path, key], place: path, problem: unknownKey(key, knownKeys(schema, path)) };
  }
  if (issue.code === 'invalid_key') {
    const [fault] = issue.issues;
    const key = String(path.at(-1));
    const problem = `the key "${key}" is not allowed: ${fault?.message ?? issue.message}`;
    return { path, place: path.slice(0, -1), problem };
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const inner = closestFault(issue.errors);
    if (inner !== null) return explainIssue({ ...inner, path: [...path, ...inner.path] }, schema);
    const expected = new Set(issue.errors.flatMap(([fault]) => (fault === undefined ? [] : describeExpected(fault))));
    return { path, place: path, problem: `expected ${[...expected].join(' or ')}` };
  }
  // The whole sentence of zod's is of types.
  const isMissing = issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
  return { path, place: path, problem: isMissing ? 'is missing' : issue.message };
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

function describeExpected(fault: Issue): readonly string[] {
  if (fault.code === 'invalid_type') return [fault.expected];
  if (fault.code === 'invalid_value') return fault.values.map((value) => JSON.stringify(value));
  return [fault.message];
}

function unknownKey(key: string, known: readonly string[]): string {
  const nearest = nearestName(key, known);
  return `unknown key "${key}"${nearest === null ? '' : ` (did you mean "${nearest}"?)`}`;
}
