import { chooseContext, roundsAtOnce } from '../surface/choose-context.js';
import { toChoosable, type AuditedContext, type AuditState } from './audit-state.js';
import { isGateDecided } from './gate-audit.js';
import { mostRounds, type AuditLimits } from './plan-audit.js';

/** How far a context is asked. */
export interface ContextProgress {
  /** Answers of a round. */
  readonly size: number;
  /** Rounds of the fine-tune, and of the base. */
  readonly tuned: number;
  readonly base: number;
}

/** Rounds that are asked next. */
export interface NextRounds {
  readonly context: string;
  readonly tuned: number;
  readonly base: number;
}

type AnswerLimits = Pick<AuditLimits, 'maxAnswers' | 'baseAnswers'>;

/**
 * What is asked next, after so many answers of the fine-tune; null where nothing that may be asked could change the
 * verdict. It depends on nothing but what was answered: an audit that is stopped and goes on asks for the same.
 */
export function nextRounds(
  state: AuditState,
  progressOf: (context: string) => ContextProgress,
  answers: number,
  limits: AnswerLimits,
): NextRounds | null {
  if (isGateDecided(state)) return null;
  const [plain, ...others] = state.contexts.map((one) =>
    toChoosable(one, affords(one, progressOf(one.name).size, answers, limits), state),
  );
  // A surface has the plain context at least.
  const context = plain === undefined ? null : chooseContext([plain, ...others]);
  return context === null ? null : { context, ...countNextRounds(progressOf(context), answers, limits) };
}

/** Whether a further round of a context is within the limits, by the answers of all contexts. */
export function affords(
  { rounds }: Pick<AuditedContext, 'rounds'>,
  size: number,
  answers: number,
  { maxAnswers }: Pick<AuditLimits, 'maxAnswers'>,
): boolean {
  return rounds < mostRounds && answers + size <= maxAnswers;
}

/** The rounds of a context whose turn it is. The base is ahead at first, and never behind. */
export function countNextRounds(
  { size, tuned, base }: ContextProgress,
  answers: number,
  { maxAnswers, baseAnswers }: AnswerLimits,
): Omit<NextRounds, 'context'> {
  const affordable = Math.floor((maxAnswers - answers) / size);
  const rounds = Math.min(roundsAtOnce(tuned), affordable, mostRounds - tuned);
  return { tuned: rounds, base: Math.max(0, Math.ceil(baseAnswers / size) - base, tuned + rounds - base) };
}
