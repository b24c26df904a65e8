import { DriftlineError } from '../../foundation/driftline-error.js';

/** A piece of text with named gaps. */
export type Template = readonly TemplatePart[];

export type TemplatePart = { readonly text: string } | { readonly reference: string };

/** Reads `{name}` as a gap, and `{{` and `}}` as braces; `source` names the place in errors. */
export function parseTemplate(text: string, source: string): Template {
  const parts: TemplatePart[] = [];
  let literal = '';
  const pattern = /\{\{|\}\}|\{([a-z][a-z0-9_-]*)\}|[{}]|[^{}]+/g;
  for (const [piece, reference] of text.matchAll(pattern)) {
    if (reference !== undefined) {
      if (literal !== '') parts.push({ text: literal });
      literal = '';
      parts.push({ reference });
    } else if (piece === '{{' || piece === '}}') literal += piece[0] ?? '';
    else if (piece === '{' || piece === '}') {
      throw new DriftlineError({
        code: 'world-invalid',
        message: `${source}: a brace without its partner in ${JSON.stringify(text)}`,
        hint: 'Write {name} for a gap, and {{ or }} for a brace that is text.',
      });
    } else literal += piece;
  }
  if (literal !== '') parts.push({ text: literal });
  return parts;
}

/** The names of a template's gaps. */
export function referencesOf(template: Template): readonly string[] {
  return template.flatMap((part) => ('reference' in part ? [part.reference] : []));
}
