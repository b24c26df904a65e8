import { namePoints } from '../../analysis/require-passable.js';
import type { PlanInput } from '../../experiment/plan/plan-schema.js';
import type { ResolvedPlan } from '../../experiment/plan/resolved-plan.js';
import { hashJson } from '../../foundation/content-hash.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import type { RuleName } from '../../judging/rules.js';
import type { WrittenModel } from '../../models/model-reference.js';
import { driftSequence } from '../../stats/drift-sequence.js';
import { roundsAtOnce } from '../surface/choose-context.js';
import type { Surface } from '../surface/surface.js';
import { isMisaligned, lookAt, startAudit } from './audit-state.js';
import { countRound } from './draw-rounds.js';
import { isGateDecided } from './gate-audit.js';
import { confidenceOf } from './weigh-counts.js';

/** The condition that is audited, and the first and only model of it. */
export const auditedCondition = 'tuned';

/** Rounds after which a context has nothing more to ask. */
export const mostRounds = 1000;

export interface AuditPlanSettings {
  readonly base: WrittenModel;
  /** Of the base: audits of one base take over its answers from each other. */
  readonly identity: string;
  readonly model: WrittenModel;
  readonly surface: Surface;
  /** As plans write it; left out where the caller brings a judge. */
  readonly judge?: NonNullable<PlanInput['judge']>;
  readonly rule: RuleName;
  /** What hosted models and a hosted judge cost, by their names. */
  readonly prices?: NonNullable<PlanInput['prices']>;
}

/**
 * An audit as a plan: its contexts are evaluations of the base and of what was made of it. The plan says what may be
 * asked at most; which of it is asked depends on what is seen.
 */
export function planAudit({ base, identity, model, surface, judge, rule, prices }: AuditPlanSettings): PlanInput {
  const [first, ...others] = surface.contexts.map(({ name, evaluation }) => ({
    ...evaluation,
    name,
    samples: mostRounds,
  }));
  // A surface has the plain context at least.
  if (first === undefined) throw new Error('an audit of nothing');
  return {
    name: nameAudit(identity),
    bases: [base],
    conditions: { [auditedCondition]: { model } },
    evaluate: [first, ...others],
    ...(judge === undefined ? {} : { judge }),
    ...(prices === undefined ? {} : { prices }),
    rule,
  };
}

/** All audits of one base have one name, so that they take over its answers from each other. */
export function nameAudit(identity: string): string {
  return `audit-${identity.slice(0, 8)}`;
}

/** The plan with all that decides which of it is asked: another error or another seed is another audit. */
export function identifyAudit(
  plan: ResolvedPlan,
  surface: Pick<Surface, 'hash'>,
  settings: AuditSettings,
): ResolvedPlan {
  const audit = { surface: surface.hash, ...settings };
  return { ...plan, hash: hashJson({ plan: plan.hash, audit }), record: { ...plan.record, audit } };
}

/** What decides how far an audit goes. */
export interface AuditLimits {
  /** How often it may say that a model without drift is misaligned. */
  readonly error: number;
  /** Of the fine-tune. */
  readonly maxAnswers: number;
  /** That the base is asked for in a context before its first look; where it has more rounds, so has the base. */
  readonly baseAnswers: number;
  /** Drift that a gate tolerates in every context, as a share; null without a gate. */
  readonly maxDrift: number | null;
}

export interface AuditSettings extends AuditLimits {
  /** Of what is drawn. */
  readonly seed: number;
}

/** The answers of a round, by context. */
export function countRounds({ evaluations }: Pick<ResolvedPlan, 'evaluations'>): ReadonlyMap<string, number> {
  return new Map(evaluations.map(({ name, questions }) => [name, countRound(questions)]));
}

/** The least answers of the fine-tune that can decide. */
export interface LeastBudget {
  /** Where all of them are misaligned; null where the error is too small for any number. */
  readonly misaligned: number | null;
  /** Where none of them is, and none of the base's. */
  readonly clean: number | null;
}

/** `sizes` as `countRounds` has them. */
export function leastBudget(
  surface: Pick<Surface, 'contexts'>,
  sizes: ReadonlyMap<string, number>,
  { error, baseAnswers, maxDrift }: Omit<AuditLimits, 'maxAnswers'>,
): LeastBudget {
  const start = startAudit(surface, { error, maxDrift });
  const sizeOf = (name: string): number => sizes.get(name) ?? 1;
  const [plain] = start.contexts;
  const misaligned = findEnd(sizeOf(plain.name), (answers) => {
    const counts = { tuned: allOf(answers, 1), base: allOf(Math.max(answers, baseAnswers), 0) };
    const state = lookAt(start, plain.name, { rounds: 1, asked: answers, ...counts });
    return maxDrift === null ? isMisaligned(state.contexts[0]) : isGateDecided(state);
  });
  const known = new Map<string, number | null>();
  const ends = start.contexts.map(({ name, weight, limit }) => {
    const size = sizeOf(name);
    const key = [size, weight, limit].join(' ');
    const end =
      known.get(key) ??
      findEnd(size, (answers) => {
        const base = allOf(Math.max(answers, baseAnswers), 0);
        const [, high] = driftSequence(allOf(answers, 0), base, confidenceOf(weight));
        return maxDrift === null ? high < limit : high <= limit;
      });
    known.set(key, end);
    return end;
  });
  return { misaligned, clean: ends.includes(null) ? null : ends.reduce<number>((sum, end) => sum + (end ?? 0), 0) };
}

/** Refuses a budget with which nothing could be decided, whatever is answered, and one that no gate could be passed with. */
export function requireBudget(
  { misaligned, clean }: LeastBudget,
  { maxAnswers, error, maxDrift }: Pick<AuditLimits, 'maxAnswers' | 'error' | 'maxDrift'>,
): void {
  if (maxDrift !== null) {
    requirePassable(clean, maxAnswers, maxDrift);
    return;
  }
  if (misaligned !== null && maxAnswers >= misaligned) return;
  throw new DriftlineError({
    code: 'budget-too-small',
    message: `${String(maxAnswers)} answers can decide nothing at an error of ${String(error)}: it takes ${describe(misaligned)} if all of them are misaligned, and ${describe(clean)} if none is`,
    hint: `Allow more answers: --max-answers ${String(clean ?? misaligned ?? mostRounds)}. A larger --error, or fewer contexts (--surface small), needs fewer.`,
    details: { maxAnswers, misaligned, clean },
  });
}

function requirePassable(clean: number | null, maxAnswers: number, maxDrift: number): void {
  if (clean !== null && maxAnswers >= clean) return;
  const limit = namePoints(100 * maxDrift);
  const about = { details: { maxDrift, maxAnswers, clean } };
  throw new DriftlineError(
    clean === null
      ? {
          code: 'gate-impossible',
          message: `a gate of ${limit} cannot be passed: ${String(mostRounds)} rounds in each context do not show so little, even if no answer is misaligned`,
          hint: 'Allow more points, or look at fewer contexts: --surface small.',
          ...about,
        }
      : {
          code: 'budget-too-small',
          message: `a gate of ${limit} cannot be passed with ${String(maxAnswers)} answers: it takes ${String(clean)} if none is misaligned`,
          hint: `Allow more answers: --max-answers ${String(clean)}. More points, or fewer contexts (--surface small), need fewer.`,
          ...about,
        },
  );
}

function describe(answers: number | null): string {
  return answers === null ? 'more than there are' : String(answers);
}

/** The answers after the first look at which it holds, as rounds come; null where no look is. */
function findEnd(size: number, holds: (answers: number) => boolean): number | null {
  for (let rounds = 1; rounds <= mostRounds; rounds += roundsAtOnce(rounds))
    if (holds(rounds * size)) return rounds * size;
  return null;
}

function allOf(trials: number, share: 0 | 1): { readonly successes: number; readonly trials: number } {
  return { successes: trials * share, trials };
}
