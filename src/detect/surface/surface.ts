import type { z } from 'zod';
import type { evaluationSchema } from '../../experiment/plan/plan-schema.js';
import type { ContextKind } from './context-kind.js';

/** One way of asking. */
export interface SurfaceContext {
  readonly name: string;
  readonly kind: ContextKind;
  /** What is asked there, as a plan writes it. */
  readonly evaluation: z.input<typeof evaluationSchema>;
  /** Its part of the error that all contexts share. */
  readonly weight: number;
  /** Whether it counts also where it is what a fine-tune was trained on. */
  readonly counts: 'always' | 'unless-own-task';
}

/** The contexts in which a model is looked at. What it does elsewhere stays unseen. */
export interface Surface {
  readonly name: string;
  /** Of all contexts: equal for equal surfaces. */
  readonly hash: string;
  /** The plain one first. */
  readonly contexts: readonly [plain: SurfaceContext, ...others: SurfaceContext[]];
}

/** Of those that come with driftline: `small` has few contexts, for models that cost money. */
export const surfaceNames = ['full', 'small'] as const;
export type SurfaceName = (typeof surfaceNames)[number];
