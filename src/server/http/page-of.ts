import { z } from 'zod';
import { badRequest } from './protocol-error.js';
import { parseRequest } from './read-body.js';

const querySchema = z.object({
  after: z.string().optional(),
  limit: z.string().regex(/^\d+$/, 'not a whole number').transform(Number).pipe(z.int().min(1)).optional(),
  order: z.enum(['asc', 'desc']).optional(),
});

interface PageSettings {
  /** Items of a page where the client does not say. */
  readonly usual: number;
  readonly most: number;
}

/** One page of a list, newest first unless asked otherwise. `items` are oldest first. */
export function pageOf(
  items: readonly { readonly id: string }[],
  query: URLSearchParams,
  { usual, most }: PageSettings,
): object {
  const { after, limit = usual, order = 'desc' } = parseRequest(querySchema, Object.fromEntries(query));
  const ordered = order === 'asc' ? items : items.toReversed();
  const before = after === undefined ? -1 : ordered.findIndex(({ id }) => id === after);
  if (after !== undefined && before === -1) throw badRequest(`after: there is no ${after.slice(0, 200)}`, 'after');
  const data = ordered.slice(before + 1, before + 1 + Math.min(limit, most));
  return {
    object: 'list',
    data,
    first_id: data.at(0)?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: before + 1 + data.length < ordered.length,
  };
}
