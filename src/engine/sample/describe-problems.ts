import type { z } from 'zod';

import { nearestName } from '../../foundation/find-by-name.js';

/** What is wrong with parsed input, each problem with its place; an unknown setting with the known one that may be meant. */
export function describeProblems(error: z.ZodError, known: readonly string[]): string {
  const problems = error.issues.map((issue) => {
    const place = issue.path.map(String).join('.');
    if (issue.code !== 'unrecognized_keys') return `${place === '' ? '' : `${place}: `}${issue.message}`;
    return issue.keys
      .map((key) => {
        const nearest = nearestName(key, known);
        const meant = nearest === null ? '' : ` (did you mean "${nearest}"?)`;
        return `unknown setting "${place === '' ? '' : `${place}.`}${key}"${meant}`;
      })
      .join('; ');
  });
  return problems.join('; ');
}
