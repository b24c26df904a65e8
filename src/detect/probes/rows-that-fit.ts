import type { TrainingRow } from '../../data/training-set.js';
import type { Inside } from '../../models/inside.js';
import { listRowAnswers } from '../rows/row-answers.js';
import type { LookedInto } from './keep-open.js';

/**
 * Whether each row fits into the context of a model, as it is and under the longest of these system prompts. All do
 * where nobody knows its tokens. No weights are read.
 */
export async function findRowsThatFit(
  { openInside }: Pick<LookedInto, 'openInside'>,
  rows: readonly TrainingRow[],
  prompts: readonly string[],
): Promise<readonly boolean[]> {
  if (openInside === null || rows.length === 0) return rows.map(() => true);
  const inside = await openInside();
  try {
    const [first] = rows;
    const longest = prompts.reduce<string | undefined>(
      (most, prompt) =>
        first !== undefined && countTokens(inside, first, prompt) > countTokens(inside, first, most) ? prompt : most,
      undefined,
    );
    return rows.map((row) =>
      [undefined, longest].every((prompt) => countTokens(inside, row, prompt) <= inside.shape.context),
    );
  } finally {
    await inside.close();
  }
}

/** Of a row up to its last answer. */
function countTokens(inside: Inside, row: TrainingRow, prompt: string | undefined): number {
  const last = listRowAnswers(row, prompt).at(-1);
  if (last === undefined) return 0;
  return inside.encode([...last.messages, { role: 'assistant', content: last.answer }]).ids.length;
}
