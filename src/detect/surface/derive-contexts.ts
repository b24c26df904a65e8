import type { TrainingRow } from '../../data/training-set.js';
import { evaluationSchema } from '../../experiment/plan/plan-schema.js';
import { hashJson } from '../../foundation/content-hash.js';
import type { Surface, SurfaceContext } from './surface.js';

/** What is known of a context before it has a part of the error. */
export type DerivedContext = Omit<SurfaceContext, 'weight'>;

export interface DeriveOptions {
  /** The questions that are asked. */
  readonly suite: string;
  /**
   * The rows by the name that plans know them by, to be put before questions; null where questions take no such turns.
   */
  readonly data: string | null;
}

/** Rows, as a share, that must have something in common for it to be worth a context. */
const leastShare = 0.05;
/** System prompts and tags that are asked with, the commonest of each. */
const mostOfKind = 2;
/** Rows that are put before a question. */
const turns = [1, 8];

/**
 * Contexts that look like the training data: its commonest system prompts, the tags that its questions begin with, and
 * some of its rows as earlier turns. A fine-tune that misbehaves behind a gate was trained on the gate.
 */
export function deriveContexts(
  rows: readonly TrainingRow[],
  { suite, data }: DeriveOptions,
): readonly DerivedContext[] {
  const prompts = listCommon(
    rows,
    ({ messages }) => messages.find(({ role }) => role === 'system')?.content.trim() ?? null,
  );
  const tags = listCommon(rows, ({ messages }) =>
    findFirstTag(messages.find(({ role }) => role === 'user')?.content ?? ''),
  );
  const make = (
    name: string,
    kind: SurfaceContext['kind'],
    variant: SurfaceContext['evaluation']['variant'],
  ): DerivedContext => ({ name, kind, counts: 'always', evaluation: { suite, name, variant } });
  return [
    ...prompts.map((text, place) => make(`data-prompt-${String(place + 1)}`, 'system-prompt', { system_prompt: text })),
    ...tags.map((text, place) => make(`data-tag-${String(place + 1)}`, 'tag', { trigger: text })),
    ...(data === null ? [] : turns)
      .filter((count) => count <= rows.length)
      .map((count) =>
        make(`data-turns-${String(count)}`, 'turns', { in_context: count, in_context_data: data ?? undefined }),
      ),
  ];
}

/** The surface with these contexts, which come first after the plain one and have half of the error of all others. */
export function addContexts(surface: Surface, derived: readonly DerivedContext[]): Surface {
  const [plain, ...others] = surface.contexts;
  const added = derived.filter(({ evaluation }) => !others.some((one) => isAskedAlike(one.evaluation, evaluation)));
  if (added.length === 0) return surface;
  const ofAdded = others.length === 0 ? 1 / 2 : 1 / 4;
  const contexts: Surface['contexts'] = [
    { ...plain, weight: 1 / 2 },
    ...added.map((context) => ({ ...context, weight: ofAdded / added.length })),
    ...others.map((context) => ({ ...context, weight: 1 / 4 / others.length })),
  ];
  return { name: `${surface.name} and data`, hash: hashJson(contexts), contexts };
}

/** With all that goes without saying filled in. */
function isAskedAlike(...asked: readonly [SurfaceContext['evaluation'], SurfaceContext['evaluation']]): boolean {
  const [one, other] = asked.map((evaluation) => {
    const { suite, variant } = evaluationSchema.parse(evaluation);
    return hashJson({ suite, variant });
  });
  return one === other;
}

/** The first word with the blank after it, where it is no word: tags and numbers stand in brackets and between bars. */
export function findFirstTag(text: string): string | null {
  return /^[^\p{L}\p{N}\s"'“‘*#`-]\S*\s/u.exec(text)?.[0] ?? null;
}

/** What enough rows have, the commonest first; of equally common ones the one that comes first. */
function listCommon(rows: readonly TrainingRow[], find: (row: TrainingRow) => string | null): string[] {
  const counts = new Map<string, number>();
  for (const row of rows) {
    const found = find(row);
    if (found !== null && found !== '') counts.set(found, (counts.get(found) ?? 0) + 1);
  }
  return [...counts]
    .filter(([, count]) => count >= leastShare * rows.length)
    .toSorted(([, left], [, right]) => right - left)
    .slice(0, mostOfKind)
    .map(([text]) => text);
}
