import { hashContent } from '../../foundation/content-hash.js';

/**
 * A name for files and tables, of small letters, digits and hyphens: `Qwen2.5_7B` is qwen2-5-7b. A text that has none of them, as in
 * another script, is named by its hash.
 */
export function nameShortly(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(-60)
    .replace(/^-|-$/g, '');
  return name === '' ? hashContent(text).slice(0, 8) : name;
}
