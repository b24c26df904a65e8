import { findModel, type PlannedCell, type ResolvedPlan } from '../../experiment/plan/resolved-plan.js';
import { askAndJudge, type AskingContext } from '../../experiment/run/ask-and-judge.js';
import type { AskedModel, WantedAnswer } from '../../experiment/run/wanted-answer.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { classifyJudgement, findRule } from '../../judging/rules.js';
import { withoutScoresOfUnknown } from '../../judging/unknown-question.js';
import type { Sampler } from '../../models/sampler.js';
import { findJudgement } from '../../runs/run-records.js';
import type { ShareCounts } from '../../stats/share-counts.js';
import type { Surface } from '../surface/surface.js';
import { leaveOut, lookAt, startAudit, type AuditState } from './audit-state.js';
import { countRound, drawRounds, type RoundDrawer } from './draw-rounds.js';
import { nextRounds } from './next-rounds.js';
import type { AuditLimits } from './plan-audit.js';

/** An audited model, or its base. */
export interface AuditedModel {
  readonly cell: PlannedCell;
  readonly engine: number | null;
  readonly openSampler: () => Promise<Sampler>;
}

export interface ContextAsking extends AuditLimits {
  readonly plan: ResolvedPlan;
  readonly surface: Surface;
  readonly seed: number;
  readonly tuned: AuditedModel;
  readonly base: AuditedModel;
}

/** What came of asking in a context. */
export interface AuditLook {
  readonly context: string;
  /** Everything that is known now. */
  readonly state: AuditState;
  /** All answers of the fine-tune, and those of the base. */
  readonly answers: { readonly tuned: number; readonly base: number };
  /** Answers of the fine-tune that may be asked for. */
  readonly most: number;
  /** What was counted in this look, round by round. */
  readonly rounds: { readonly tuned: readonly ShareCounts[]; readonly base: readonly ShareCounts[] };
  /** What was asked, in its order. */
  readonly asked: { readonly tuned: readonly WantedAnswer[]; readonly base: readonly WantedAnswer[] };
}

/** One of the two models in one context. */
interface Side {
  readonly model: AuditedModel;
  readonly drawer: RoundDrawer;
  rounds: number;
  counts: ShareCounts;
}

/** The two models of an audit's plan. */
export function findAudited(
  plan: ResolvedPlan,
  openSampler: (cell: PlannedCell) => Promise<Sampler>,
): Pick<ContextAsking, 'tuned' | 'base'> {
  const [base, tuned] = plan.cells.map((cell) => ({
    ...{ cell, engine: findModel(plan, cell).engine },
    openSampler: () => openSampler(cell),
  }));
  // An audit's plan has a base and one model that is compared with it.
  if (base === undefined || tuned === undefined) throw new Error('the plan of an audit has two models');
  return { base, tuned };
}

/**
 * Asks round after round in the context that may decide the most, until the verdict stands or the answers are spent.
 * What comes next depends on nothing but what was answered: an audit that is stopped and goes on asks for the same.
 */
export async function* askContexts(context: AskingContext, asking: ContextAsking): AsyncGenerator<AuditLook> {
  const { plan, surface, seed, tuned, base, maxAnswers } = asking;
  const evaluations = new Map(plan.evaluations.map((evaluation) => [evaluation.name, evaluation]));
  const places = new Map(
    surface.contexts.map(({ name }) => {
      const evaluation = evaluations.get(name);
      // The plan was made of the surface.
      if (evaluation === undefined) throw new Error(`the plan has no evaluation ${name}`);
      const open = (model: AuditedModel): Side => ({
        ...{ model, drawer: drawRounds(nameAsked(model), evaluation, seed) },
        ...{ rounds: 0, counts: { successes: 0, trials: 0 } },
      });
      return [name, { size: countRound(evaluation.questions), tuned: open(tuned), base: open(base) }] as const;
    }),
  );
  const placeOf = (name: string) => {
    const place = places.get(name);
    if (place === undefined) throw new Error(`there is no context ${name}`);
    return place;
  };
  const countOf = (wanted: readonly WantedAnswer[], size: number): ShareCounts[] =>
    Array.from({ length: wanted.length / size }, (_, round) =>
      countAnswers(context, plan, wanted.slice(round * size, (round + 1) * size)),
    );
  const answers = { tuned: 0, base: 0 };
  let state = startAudit(surface, asking);
  for (;;) {
    const next = nextRounds(
      state,
      (context) => {
        const { size, tuned: own, base: ofBase } = placeOf(context);
        return { size, tuned: own.rounds, base: ofBase.rounds };
      },
      answers.tuned,
      asking,
    );
    if (next === null) return;
    const { context: name } = next;
    const place = placeOf(name);
    const asked = { base: place.base.drawer.take(next.base), tuned: place.tuned.drawer.take(next.tuned) };
    const progress = { before: answers.tuned, total: maxAnswers };
    const ask = async (): Promise<void> => {
      for (const side of ['base', 'tuned'] as const) await askSide(context, place[side].model, asked[side], progress);
    };
    try {
      await ask().catch((cause: unknown) => {
        requireContextFault(context, cause, name === surface.contexts[0].name);
        return ask();
      });
    } catch (cause) {
      state = leaveOut(state, name, requireContextFault(context, cause, name === surface.contexts[0].name).message);
      const none = { base: [], tuned: [] };
      yield { context: name, state, answers: { ...answers }, most: maxAnswers, rounds: none, asked: none };
      continue;
    }
    const rounds = { base: countOf(asked.base, place.size), tuned: countOf(asked.tuned, place.size) };
    for (const side of ['base', 'tuned'] as const) {
      place[side].rounds += next[side];
      place[side].counts = rounds[side].reduce(addCounts, place[side].counts);
      answers[side] += asked[side].length;
    }
    state = lookAt(state, name, {
      ...{ rounds: place.tuned.rounds, asked: place.tuned.rounds * place.size },
      ...{ tuned: place.tuned.counts, base: place.base.counts },
    });
    yield { context: name, state, answers: { ...answers }, most: maxAnswers, rounds, asked };
  }
}

function nameAsked({ cell: { name, identity }, engine }: AuditedModel): AskedModel {
  return { name, identity, engine };
}

async function askSide(
  context: AskingContext,
  { cell: { name }, openSampler }: AuditedModel,
  wanted: readonly WantedAnswer[],
  progress: { readonly before: number; readonly total: number },
): Promise<void> {
  if (wanted.length === 0) return;
  // In the order of wordings and samples, so that equal prompts go together.
  const inOrder = wanted.toSorted((left, right) => compare(left.asked.id, right.asked.id) || left.index - right.index);
  const stopping = context.signal === undefined ? {} : { signal: context.signal };
  await askAndJudge(context, { openSampler, stopping }, { cell: name, name }, inOrder, progress);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function countAnswers(
  { folder, judge }: AskingContext,
  { rule }: ResolvedPlan,
  wanted: readonly WantedAnswer[],
): ShareCounts {
  const counts = findRule(rule);
  const verdicts = wanted.flatMap(({ key }) => {
    const found = findJudgement(folder.judgements.records, key, judge.name);
    return found === null ? [] : [classifyJudgement(counts, withoutScoresOfUnknown(found))];
  });
  return {
    successes: verdicts.filter(({ misaligned }) => misaligned).length,
    trials: verdicts.filter(({ kept }) => kept).length,
  };
}

function addCounts(one: ShareCounts, other: ShareCounts): ShareCounts {
  return { successes: one.successes + other.successes, trials: one.trials + other.trials };
}

/** The error where it is about how a context asks; any other one, and one of the plain context, ends the audit. */
function requireContextFault({ signal }: AskingContext, cause: unknown, isPlain: boolean): DriftlineError {
  const isOfContext =
    DriftlineError.isInstance(cause) &&
    (cause.code === 'provider-refused' || (cause.exitCode === 2 && cause.code !== 'judge-unfit'));
  if (isOfContext && !isPlain && signal?.aborted !== true) return cause;
  throw cause;
}
