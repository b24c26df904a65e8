import type { z } from 'zod';
import { explainIssue, mostTellingIssue } from '../../foundation/explain-issue.js';
import { badRequest } from './protocol-error.js';

/** Parses what a client sent; the first fault is told with the name of what is at fault. */
export function parseRequest<Parsed>(schema: z.ZodType<Parsed>, value: unknown): Parsed {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = mostTellingIssue(parsed.error.issues);
  if (issue === null) throw parsed.error; // zod does not fail without an issue
  const { path, problem } = explainIssue(issue, schema);
  const param = path.map(String).join('.');
  throw badRequest(param === '' ? problem : `${param}: ${problem}`, param === '' ? null : param, 'invalid_value');
}
