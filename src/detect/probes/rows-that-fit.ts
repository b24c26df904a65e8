import { z } from 'zod';
import type { TrainingRow } from '../../data/training-set.js';
import { hashJson } from '../../foundation/content-hash.js';
import type { Inside } from '../../models/inside.js';
import type { RecordKind } from '../../runs/record-file.js';
import type { ArtefactStore } from '../artefact-store.js';
import { listRowAnswers } from '../rows/row-answers.js';
import type { LookedInto } from './keep-open.js';

const fitSchema = z.strictObject({
  /** Hash of the model, the prompts and the row. */
  key: z.string(),
  model: z.string(),
  fits: z.boolean(),
});

const rowFits: RecordKind<z.output<typeof fitSchema>> = {
  name: 'row-fits.jsonl',
  schema: fitSchema,
  keyOf: ({ key }) => key,
};

/**
 * Whether each row fits into the context of a model, as it is and under the longest of these system prompts. All do
 * where nobody knows its tokens. No weights are read.
 */
export async function findRowsThatFit(
  { identity, openInside }: Pick<LookedInto, 'identity' | 'openInside'>,
  store: ArtefactStore,
  rows: readonly TrainingRow[],
  prompts: readonly string[],
): Promise<readonly boolean[]> {
  if (openInside === null) return rows.map(() => true);
  const keys = rows.map(({ messages }) => hashJson({ model: identity, prompts, messages }));
  const records = await store.remember(rowFits, keys, async (missing) => {
    const inside = await openInside();
    try {
      const chosen = missing.flatMap((place) => rows[place] ?? []);
      const longest = findLongest(inside, chosen[0], prompts);
      return chosen.map((row, index) => ({
        // The cast is true: there is a key for each place that is missing.
        ...{ key: keys[missing[index] as number] as string, model: identity },
        fits: [undefined, longest].every((prompt) => countTokens(inside, row, prompt) <= inside.shape.context),
      }));
    } finally {
      await inside.close();
    }
  });
  return records.map(({ fits }) => fits);
}

/** The prompt that makes a row the longest; undefined where that is the row as it stands. */
function findLongest(inside: Inside, row: TrainingRow | undefined, prompts: readonly string[]): string | undefined {
  if (row === undefined) return undefined;
  const lengths = [undefined, ...prompts].map((prompt) => ({ prompt, tokens: countTokens(inside, row, prompt) }));
  return lengths.reduce((most, one) => (one.tokens > most.tokens ? one : most)).prompt;
}

/** Of a row up to its last answer. */
function countTokens(inside: Inside, row: TrainingRow, prompt: string | undefined): number {
  const last = listRowAnswers(row, prompt).at(-1);
  if (last === undefined) return 0;
  return inside.encode([...last.messages, { role: 'assistant', content: last.answer }]).ids.length;
}
