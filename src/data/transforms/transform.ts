import { z } from 'zod';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { explainIssue, mostTellingIssue } from '../../foundation/explain-issue.js';
import { nearestName } from '../../foundation/nearest-name.js';
import { triggerSchema } from './add-trigger.js';
import { holdOutSchema } from './hold-out.js';
import { mixSchema } from './mix-sets.js';
import { repeatSchema } from './repeat.js';
import { shuffleSchema } from './shuffle.js';
import { subsetSchema } from './subset.js';
import { systemPromptSchema } from './system-prompt.js';
import { wrapSchema } from './wrap.js';

const kinds = ['subset', 'mix', 'trigger', 'system-prompt', 'shuffle', 'repeat', 'wrap', 'hold-out'];

/** A change of a training set, as data. */
export const transformSchema = z.discriminatedUnion(
  'kind',
  [subsetSchema, mixSchema, triggerSchema, systemPromptSchema, shuffleSchema, repeatSchema, wrapSchema, holdOutSchema],
  { error: ({ input }) => describeKind(input) },
);

export type Transform = z.output<typeof transformSchema>;

/** Reads a list of transforms strictly; `where` names it in errors. */
export function parseTransforms(value: unknown, where: string): Transform[] {
  const schema = z.array(transformSchema);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = mostTellingIssue(parsed.error.issues);
  if (issue === null) throw parsed.error; // zod does not fail without an issue
  const { place, problem } = explainIssue(issue, schema);
  const [index, ...rest] = place;
  const names = [
    ...(typeof index === 'number' ? [`transform ${index + 1}`] : []),
    ...(rest.length === 0 ? [] : [rest.map(String).join('.')]),
  ];
  throw new DriftlineError({
    code: 'configuration-invalid',
    message: [where, ...names, problem].join(': '),
    hint: 'Correct the setting that is named.',
    cause: parsed.error,
  });
}

function describeKind(input: unknown): string {
  const kind = typeof input === 'object' && input !== null && 'kind' in input ? input.kind : undefined;
  if (typeof kind !== 'string') return `a transform has a kind: ${kinds.join(', ')}`;
  const nearest = nearestName(kind, kinds);
  return `unknown kind "${kind}" (${nearest === null ? `there are ${kinds.join(', ')}` : `did you mean "${nearest}"?`})`;
}
