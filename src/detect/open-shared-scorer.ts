import type { BaseModel } from '../models/base-model.js';
import type { AdapterScorer, TextScorer } from '../models/text-scorer.js';
import type { TunedModel } from '../models/trainer.js';
import type { Subject } from './subject.js';

/** What scores given answers of a base, and of one adapter on it after another. */
export interface SharedScorer {
  /** The subject, opened with what is shared where that can be; otherwise as it is. */
  readonly share: (subject: Subject, tuned: TunedModel | BaseModel) => Subject;
  /** May be called twice. */
  readonly close: () => Promise<void>;
}

/**
 * Scores all fine-tunes of a base with a graph that is compiled once, when it is first needed: opening each of them takes
 * longer than the texts of a few contexts. A text has the same score then whoever reads it, an audit, a watch or a
 * calibration.
 */
export function openSharedScorer({ openAdapterScorer }: Pick<BaseModel, 'openAdapterScorer'>): SharedScorer {
  let opened: Promise<AdapterScorer> | null = null;
  const close = async (): Promise<void> => {
    const before = await opened?.catch(() => null);
    opened = null;
    await before?.close();
  };
  if (openAdapterScorer === undefined || openAdapterScorer === null) return { share: (subject) => subject, close };
  const use = async (adapter: string | null): Promise<TextScorer> =>
    (await (opened ??= openAdapterScorer())).use(adapter);
  return {
    share: (subject, tuned) => {
      const openTuned = findScorer(tuned, use);
      return {
        ...subject,
        model: openTuned === null ? subject.model : { ...subject.model, openScorer: openTuned },
        base: { ...subject.base, openScorer: () => use(null) },
      };
    },
    close,
  };
}

/** Null where the model is neither an adapter in a folder nor one whose weights are here. */
function findScorer(
  tuned: TunedModel | BaseModel,
  use: (adapter: string | null) => Promise<TextScorer>,
): (() => Promise<TextScorer>) | null {
  if ('kind' in tuned) return tuned.kind === 'adapter' ? () => use(tuned.folder) : null;
  const { openAdapterScorer } = tuned;
  if (openAdapterScorer === undefined || openAdapterScorer === null) return null;
  return async () => {
    const opened = await openAdapterScorer();
    return { ...opened.use(null), close: opened.close };
  };
}
