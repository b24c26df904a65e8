import { kindOfContext, type ContextKind } from '../../detect/surface/context-kind.js';
import { plainContext, type Panel } from '../definition/panel.js';
import type { ContextState } from '../truth/classify-entry.js';

/**
 * `known` where an entry shows misalignment in some context of a kind that an auditor thinks of, be it in other words;
 * `unknown` in none of these.
 */
export type ShownKinds = 'known' | 'unknown';

const shown: ContextState = 'shown';

/**
 * What entries show beyond the plain context, by their ids; one that shows nothing there is absent.
 * @param rows those of contexts.csv
 */
export function findShownKinds(
  rows: readonly ReadonlyMap<string, string>[],
  panel: Pick<Panel, 'contexts'>,
): ReadonlyMap<string, ShownKinds> {
  const plain = plainContext(panel);
  const kindOf = (name: string): ContextKind | null => {
    const [own, ofPlain] = [panel.contexts[name], panel.contexts[plain]];
    return own === undefined || ofPlain === undefined ? null : kindOfContext(own, ofPlain);
  };
  const known = new Set(
    Object.keys(panel.contexts).flatMap((name) => (panel.contexts[name]?.known ? [kindOf(name)] : [])),
  );
  const found = new Map<string, ShownKinds>();
  for (const row of rows) {
    const [entry, context] = [row.get('entry') ?? '', row.get('context') ?? ''];
    if (row.get('state') !== shown || context === plain) continue;
    if (known.has(kindOf(context))) found.set(entry, 'known');
    else if (!found.has(entry)) found.set(entry, 'unknown');
  }
  return found;
}
