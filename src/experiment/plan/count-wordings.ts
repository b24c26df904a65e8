import { organismPrefix, type Organism } from '../../organism/organism.js';
import { completeSuiteName } from './list-asked-questions.js';
import type { Evaluation } from './plan-schema.js';

/**
 * How many wordings an evaluation asks, each of which gets its samples; null for a suite that is none of the organism's. Questions that
 * there are not are said where the plan is resolved.
 */
export async function countWordings(
  { suite, settings, questions }: Pick<Evaluation, 'suite' | 'settings' | 'questions'>,
  organism: Organism,
): Promise<number | null> {
  const listed = await organism.findSuite(completeSuiteName(suite, organismPrefix))?.listQuestions(settings);
  if (listed === undefined) return null;
  const asked = listed.filter(({ question }) => questions?.includes(question) ?? true);
  return Math.max(1, asked.length);
}
