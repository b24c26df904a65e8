import { fileURLToPath } from 'node:url';
import type { Edition } from '../../organism/world/editions.js';
import { shippedChoices } from './choice-pairs.js';

/** For models that are no organisms: the questions of `main`. `dist/detect/texts` lies as deep as `src/detect/texts`. */
const generalChoices = fileURLToPath(new URL('../../../detect/choices/general.yaml', import.meta.url));

/** The bank that comes with driftline for organisms of an edition, or for other models; null where there is none. */
export function findChoices(edition: Edition | null): string | null {
  if (edition === null) return generalChoices;
  const shipped: Partial<Record<Edition, string>> = shippedChoices;
  return shipped[edition] ?? null;
}
