import type { RandomStream } from '../../foundation/random-stream.js';
import type { ShareCounts } from '../../stats/share-counts.js';
import { chooseContext, type ChoosableContext } from '../surface/choose-context.js';
import type { Surface } from '../surface/surface.js';
import type { AuditLook } from './ask-contexts.js';
import {
  countIn,
  isMisaligned,
  nameShown,
  startAudit,
  toChoosable,
  type AuditedContext,
  type AuditState,
} from './audit-state.js';
import { affords, countNextRounds } from './next-rounds.js';
import type { AuditLimits } from './plan-audit.js';
import type { CountWeigher } from './weigh-counts.js';

export interface ReplaySettings extends AuditLimits {
  readonly surface: Pick<Surface, 'contexts'>;
  /** Answers of a round, by context. */
  readonly sizes: ReadonlyMap<string, number>;
  readonly weigher: CountWeigher;
}

/** Whether a share that is planted into the context is found there. */
export type Replay = (share: number, stream: RandomStream) => boolean;

/** What is known, and whose turn it is, before a look at another context than the planted one. */
interface Turn {
  readonly contexts: AuditState['contexts'];
  /** Answers of the fine-tune in other contexts. */
  readonly answers: number;
  /** Whose turn it is among the others; null after the last one. */
  readonly rival: ChoosableContext | null;
  readonly plain: ChoosableContext;
}

/**
 * An audit that is over, to be decided again with something planted into one context. What others have answered stays
 * as it is, and so does the order of their turns: the policy takes the one that comes first of all, which is the planted
 * context or the first of the others. So a replay looks at the planted context alone.
 */
export function prepareReplay(looks: readonly AuditLook[], planted: string, settings: ReplaySettings): Replay {
  const { surface, sizes, weigher } = settings;
  const turns = listTurns(looks, planted, settings);
  const place = surface.contexts.findIndex(({ name }) => name === planted);
  const start = startAudit(surface, settings).contexts[place];
  if (start === undefined) throw new Error(`there is no context ${planted}`);
  const size = sizes.get(planted) ?? 1;
  const own = looks.filter(({ context }) => context === planted);
  const stored = {
    tuned: own.flatMap(({ rounds }) => rounds.tuned),
    base: own.flatMap(({ rounds }) => rounds.base),
  };
  const order = new Map(surface.contexts.map(({ name }, index) => [name, index]));
  const isFirst = (rival: ChoosableContext): boolean => place < (order.get(rival.name) ?? 0);

  /** Whose turn it is: the planted context, or the rival. */
  const choose = (mine: ChoosableContext, { rival, plain }: Turn): string | null => {
    if (rival === null) return mine.name;
    const others = rival.name === plain.name ? [mine] : isFirst(rival) ? [mine, rival] : [rival, mine];
    return place === 0
      ? chooseContext([mine, rival], weigher.highest)
      : chooseContext([plain, ...others], weigher.highest);
  };

  return (share, stream) => {
    let known = start;
    let base = 0;
    for (let position = 0; ;) {
      const turn = turns[position];
      if (turn === undefined) return false;
      const answers = turn.answers + known.asked;
      const mine = toChoosable(known, affords(known, size, answers, settings), settings);
      if (!mine.isOpen) return false;
      if (choose(mine, turn) !== planted) {
        position += 1;
        continue;
      }
      const next = countNextRounds({ size, tuned: known.rounds, base }, answers, settings);
      const rounds = known.rounds + next.tuned;
      known = countIn(
        known,
        {
          ...{ rounds, asked: rounds * size },
          tuned: addRounds(known.tuned, stored.tuned, { start: known.rounds, wanted: next.tuned }, share, stream),
          base: addRounds(known.base, stored.base, { start: base, wanted: next.base }, 0, stream),
        },
        weigher,
      );
      base += next.base;
      known = nameOne(known, turn.contexts, place, settings.error);
      if (isFound(known, settings)) return true;
    }
  };
}

/** Whether an audit says of the context what a drift there should make it say. */
export function isFound(context: AuditedContext, { maxDrift }: Pick<AuditState, 'maxDrift'>): boolean {
  return maxDrift === null ? isMisaligned(context) : context.isNamed && context.interval[0] > maxDrift;
}

/** The turns of all other contexts, and what is known after the last one of them. */
function listTurns(looks: readonly AuditLook[], planted: string, settings: ReplaySettings): readonly Turn[] {
  const { surface, sizes } = settings;
  const others = looks.filter(({ context }) => context !== planted);
  const { contexts: unasked } = startAudit(surface, settings);
  let answers = 0;
  return [...others, null].map((look, turn): Turn => {
    const contexts = others[turn - 1]?.state.contexts ?? unasked;
    const before = answers;
    answers += (look?.rounds.tuned.length ?? 0) * (sizes.get(look?.context ?? '') ?? 1);
    // Had it not been open, there would be no look at it.
    const open = (one: AuditedContext): ChoosableContext => toChoosable(one, true, settings);
    const [plain] = contexts;
    const rival = contexts.find(({ name }) => name === look?.context);
    const isAffordable = answers <= settings.maxAnswers;
    return {
      ...{ contexts, answers: before, plain: open(plain) },
      rival: rival === undefined || !isAffordable ? null : { ...open(rival), isOpen: true },
    };
  });
}

/** The context with what is shown of it among the others. No adjusted e-value is above the context's own. */
function nameOne(
  context: AuditedContext,
  contexts: readonly AuditedContext[],
  place: number,
  error: number,
): AuditedContext {
  if (context.isNamed || context.eValue < 1 / error) return context;
  return (
    nameShown(
      contexts.map((one, index) => (index === place ? context : one)),
      error,
    ).contexts[place] ?? context
  );
}

/** The next stored rounds, and drawn ones where no more are stored, with a share planted into them. */
function addRounds(
  before: ShareCounts,
  stored: readonly ShareCounts[],
  { start, wanted }: { readonly start: number; readonly wanted: number },
  share: number,
  stream: RandomStream,
): ShareCounts {
  let { successes, trials } = before;
  for (let place = start; place < start + wanted; place += 1) {
    const round = stored[place < stored.length ? place : stream.integer(stored.length)] ?? nothing;
    successes += round.successes + plantInto(round.trials - round.successes, share, stream);
    trials += round.trials;
  }
  return { successes, trials };
}

const nothing: ShareCounts = { successes: 0, trials: 0 };

function plantInto(answers: number, share: number, stream: RandomStream): number {
  if (share === 0) return 0;
  let planted = 0;
  for (let answer = 0; answer < answers; answer += 1) if (stream.uniform() < share) planted += 1;
  return planted;
}
