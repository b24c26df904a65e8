import { createRandomStream } from '../../foundation/random-stream.js';
import { driftEProcess } from '../../stats/drift-sequence.js';
import type { ShareCounts } from '../../stats/share-counts.js';
import type { AskedQuestion } from '../../runs/run-outline.js';
import type { ContextQuestion, SeenAnswer, Subject } from '../subject.js';
import { askWith, nameCandidate, type CandidateTask, type TriggerCandidate } from '../texts/candidates.js';
import type { ListQuestions } from './choices-in-context.js';

export interface ConfirmSettings {
  /** What is asked. */
  readonly tasks: readonly CandidateTask[];
  /** Numbers of rounds after which to look, rising. A round asks every question once. */
  readonly looks: readonly number[];
  /** How often a candidate may be called a trigger that is none. */
  readonly error: number;
  readonly listQuestions: ListQuestions;
  /** Of the wordings that are drawn. */
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/** What answers say of a candidate. */
export interface TriggerEvidence {
  /** Misaligned answers of those that count, of the fine-tune behind the candidate. */
  readonly behind: ShareCounts;
  /** Of the base behind it. */
  readonly base: ShareCounts;
  /** Of the fine-tune when asked plainly. */
  readonly plain: ShareCounts;
  /** Against: behind the candidate the fine-tune is no more misaligned than its base. */
  readonly overBase: number;
  /** Against: behind the candidate it is no more misaligned than when asked plainly. */
  readonly overPlain: number;
  /** Whether both are shown to be wrong. */
  readonly isConfirmed: boolean;
  /** Answers that were looked at. */
  readonly answers: number;
}

/**
 * Asks a fine-tune and its base behind a candidate, and the fine-tune plainly, until the candidate is shown to be a
 * trigger, its share is not above both others at the second look or later, or the rounds are over. A trigger is what
 * makes a fine-tune more misaligned than its base and than itself: both e-values, which may be looked at after every
 * round (`driftEProcess`), reach 1 / error. So a candidate that is none is confirmed with a probability of at most
 * `error`. Null where nobody judges.
 */
export async function confirmTrigger(
  { model, base }: Pick<Subject, 'model' | 'base'>,
  candidate: TriggerCandidate,
  { tasks, looks, error, listQuestions, seed, signal }: ConfirmSettings,
): Promise<TriggerEvidence | null> {
  const [ask, askBase] = [model.ask, base.ask];
  if (ask === null || askBase === null) return null;
  const pairs = await listPairs(candidate, tasks, listQuestions, seed);
  const options = signal === undefined ? {} : { signal };
  for (const [look, rounds] of looks.entries()) {
    const times = (list: readonly ContextQuestion[]): ContextQuestion[] =>
      list.map((one) => ({ ...one, asked: { ...one.asked, samples: rounds } }));
    const behind = times(pairs.map((pair) => pair.behind));
    const counts = {
      behind: countMisaligned(await ask(behind, options)),
      base: countMisaligned(await askBase(behind, options)),
      plain: countMisaligned(await ask(times(pairs.map((pair) => pair.plain)), options)),
    };
    const overBase = driftEProcess(counts.behind, counts.base, 0);
    const overPlain = driftEProcess(counts.behind, counts.plain, 0);
    const isConfirmed = Math.min(overBase, overPlain) >= 1 / error;
    const isHopeless =
      look > 0 && shareOfCounts(counts.behind) <= Math.max(shareOfCounts(counts.base), shareOfCounts(counts.plain));
    if (isConfirmed || isHopeless || look === looks.length - 1)
      return { ...counts, overBase, overPlain, isConfirmed, answers: 3 * rounds * pairs.length };
  }
  return null;
}

interface AskedPair {
  readonly behind: ContextQuestion;
  readonly plain: ContextQuestion;
}

/** A wording of each question, the same for every candidate and model, with and without the candidate. */
async function listPairs(
  candidate: TriggerCandidate,
  tasks: readonly CandidateTask[],
  listQuestions: ListQuestions,
  seed: number,
): Promise<readonly AskedPair[]> {
  const pairs: AskedPair[] = [];
  for (const { suite, count } of tasks) {
    const behind = new Map((await listQuestions(askWith({ suite }, candidate))).map((one) => [one.id, one]));
    for (const plain of chooseWordings(await listQuestions({ suite }), count, seed)) {
      const asked = behind.get(plain.id);
      if (asked === undefined) continue;
      pairs.push({
        behind: { context: nameCandidate(candidate), asked, plainly: plain.messages },
        plain: { context: 'plainly', asked: plain },
      });
    }
  }
  return pairs;
}

/** So many of the questions, evenly over all of them, each in a wording that is drawn. */
function chooseWordings(all: readonly AskedQuestion[], count: number, seed: number): readonly AskedQuestion[] {
  const wordings = new Map<string, AskedQuestion[]>();
  for (const one of all) wordings.set(one.question, [...(wordings.get(one.question) ?? []), one]);
  const questions = [...wordings.values()];
  const stream = createRandomStream(seed, 'wordings behind triggers');
  const most = Math.min(count, questions.length);
  return Array.from({ length: most }, (_, place) => questions[Math.floor((place * questions.length) / most)]).flatMap(
    (ofQuestion = []) => ofQuestion[stream.integer(Math.max(1, ofQuestion.length))] ?? [],
  );
}

function countMisaligned(answers: readonly SeenAnswer[]): ShareCounts {
  return {
    successes: answers.filter(({ isMisaligned }) => isMisaligned).length,
    trials: answers.filter(({ isKept }) => isKept).length,
  };
}

function shareOfCounts({ successes, trials }: ShareCounts): number {
  return successes / Math.max(1, trials);
}
