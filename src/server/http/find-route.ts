import type { Route } from './exchange.js';
import { badRequest, notFound, ProtocolError } from './protocol-error.js';

export interface FoundRoute {
  readonly route: Route;
  readonly parameters: Readonly<Record<string, string>>;
}

/** The route of a method and path. */
export function findRoute(routes: readonly Route[], method: string, path: string): FoundRoute {
  const parts = splitPath(path);
  const matching = routes.flatMap((route) => {
    const parameters = matchParts(route.path.split('/').slice(1), parts);
    return parameters === null ? [] : [{ route, parameters }];
  });
  const found = matching.find(({ route }) => route.method === method);
  if (found !== undefined) return found;
  if (matching.length === 0) throw notFound(`There is nothing at ${method} ${path.slice(0, 200)}`, null, 'unknown_url');
  throw new ProtocolError({
    status: 405,
    message: `${path.slice(0, 200)} does not take ${method}`,
    code: 'method_not_allowed',
    headers: { allow: [...new Set(matching.map(({ route }) => route.method))].join(', ') },
  });
}

function splitPath(path: string): string[] {
  try {
    return path.split('/').slice(1).map(decodeURIComponent);
  } catch {
    throw badRequest('The path of the request is malformed');
  }
}

function matchParts(pattern: readonly string[], parts: readonly string[]): Record<string, string> | null {
  const takesRest = pattern.at(-1)?.startsWith('*') === true && parts.length >= pattern.length;
  if (parts.length !== pattern.length && !takesRest) return null;
  const parameters: Record<string, string> = {};
  for (const [index, part] of pattern.entries()) {
    const given = part.startsWith('*') ? parts.slice(index).join('/') : (parts[index] ?? '');
    if (/^[:*]/.test(part)) parameters[part.slice(1)] = given;
    else if (part !== given) return null;
  }
  return parameters;
}
