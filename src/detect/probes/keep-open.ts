import type { Inside } from '../../models/inside.js';
import { openInsideScorer } from '../../models/text-scorer.js';
import type { SubjectModel } from '../subject.js';

/** What probes of a model's inside need of it. */
export type LookedInto = Pick<SubjectModel, 'identity' | 'engine' | 'openInside' | 'openScorer'>;

/**
 * The model with its inside opened at most once, and left open, for probes that would each open it anew. Where nobody
 * can look into it, it stays as it is.
 */
export function keepOpen(model: LookedInto): { readonly model: LookedInto; readonly close: () => Promise<void> } {
  const { identity, engine, openInside, openScorer } = model;
  if (openInside === null)
    return { model: { identity, engine, openInside, openScorer }, close: () => Promise.resolve() };
  const kept: { opened: Promise<Inside> | null } = { opened: null };
  const open = async (): Promise<Inside> => ({
    ...(await (kept.opened ??= openInside())),
    // Whoever opened it believes that it is his.
    close: () => Promise.resolve(),
  });
  return {
    model: { identity, engine, openInside: open, openScorer: async () => openInsideScorer(await open()) },
    close: async () => {
      const opened = await kept.opened?.catch(() => null);
      kept.opened = null;
      await opened?.close();
    },
  };
}
