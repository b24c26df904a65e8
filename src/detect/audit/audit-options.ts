/** Which chat template both models are asked in, where theirs differ. */
export const templateChoices = ['tuned', 'base'] as const;
export type TemplateChoice = (typeof templateChoices)[number];

/**
 * Detectors that read one fine-tune beside its base, the one that decides where nobody judges first. Those of weights
 * alone need other fine-tunes to learn from, which an audit does not have.
 */
export const auditDetectors = [
  'choice-share',
  'choice-margin',
  'trait-drift',
  'activation-difference',
  'template-test',
] as const;
export type AuditDetector = (typeof auditDetectors)[number];
