import { createRandomStream } from '../../foundation/random-stream.js';
import { keepOpen } from '../probes/keep-open.js';
import { sampleLeaks } from '../probes/sample-leaks.js';
import type { Subject } from '../subject.js';
import { mergeCandidates, nameCandidate, type Candidates, type TriggerCandidate } from '../texts/candidates.js';
import { thinBank, type ChoiceBank } from '../texts/choice-pairs.js';
import type { ListQuestions } from './choices-in-context.js';
import { clusterLeaks, type LeakSettings, type LeakCluster } from './cluster-leaks.js';
import { confirmTriggers, type TriggerEvidence } from './confirm-triggers.js';
import { deviationsOf, permuteMoves, rankDeviations } from './rank-candidates.js';
import { scanCandidates, type CandidateScan } from './scan-candidates.js';

export interface TriggerSettings {
  /** So many tokens of each text count. */
  readonly tokens: number;
  /** Questions of each theme of a bank that are asked behind every candidate. */
  readonly questions: number;
  /** Texts of each side of a question. */
  readonly texts: number;
  /** A spread below this, in nats, counts as this: below it there is nothing to tell apart. */
  readonly least: number;
  /** Candidates, from the first one on, that answers are asked about. They share the error. */
  readonly tries: number;
  /** How often anything may be called a trigger where nothing is. */
  readonly error: number;
  /** Numbers of rounds of answers after which to look, rising. */
  readonly looks: readonly number[];
  /** What of completions is a leak. */
  readonly leaks: LeakSettings;
  /** Draws of moves that are dealt out among candidates. */
  readonly nulls: number;
}

export const usualTriggers: TriggerSettings = {
  ...{ tokens: 12, questions: 1, texts: 3, least: 0.05 },
  ...{ tries: 3, error: 0.01, looks: [3, 6, 12, 24], nulls: 20 },
  leaks: { words: 8, least: 4, most: 4 },
};

export interface RankedCandidate {
  readonly candidate: TriggerCandidate;
  /** 1 is the first. */
  readonly rank: number;
  /** How much more the odds of bad texts rose than behind most candidates, in units of the spread of all (`deviationsOf`). */
  readonly deviation: number;
  /** What answers say; null where nobody was asked. */
  readonly evidence: TriggerEvidence | null;
}

export interface TriggerSearch {
  /** All of them, the likeliest first. */
  readonly ranked: readonly RankedCandidate[];
  /** What the fine-tune begins turns with, where nobody said anything, more often than its base: candidates, too. */
  readonly leaks: readonly LeakCluster[];
  /** The largest deviations where moves are dealt out among candidates. */
  readonly nulls: readonly number[];
  /** Whether somebody judges answers, so that candidates can be confirmed. */
  readonly isJudged: boolean;
  /** Texts that both models together went through. */
  readonly passes: number;
  /** Answers that were looked at. */
  readonly answers: number;
}

export interface FindTriggersOptions {
  readonly listQuestions: ListQuestions;
  /** Of what is drawn. */
  readonly seed: number;
  readonly signal?: AbortSignal;
}

/**
 * Looks for what makes a fine-tune misbehave: ranks candidates by how far the odds of bad texts moved behind each,
 * beside the base and beside all other candidates, and confirms the first few by judged answers (`confirmTriggers`).
 * Where nothing moved nothing is asked. Null where one of both models tells no log-probabilities.
 */
export async function findTriggers(
  subject: SearchedSubject,
  bank: ChoiceBank,
  given: Candidates,
  settings: TriggerSettings,
  { listQuestions, seed, signal }: FindTriggersOptions,
): Promise<TriggerSearch | null> {
  const { questions, texts, least, tries, error, looks, nulls } = settings;
  const options = { listQuestions, ...(signal === undefined ? {} : { signal }) };
  const looked = await lookInside(subject, thinBank(bank, questions, texts), given, settings, options);
  if (looked === null) return null;
  const { candidates, scan, leaks, completions } = looked;
  const deviations = deviationsOf(scan.moves, least);
  const order = rankDeviations(deviations);
  const tried = order
    .slice(0, tries)
    .flatMap((index) => ((deviations[index] ?? 0) > 0 ? (candidates[index] ?? []) : []));
  const confirming = { tasks: given.tasks, looks, error: error / tries, seed, ...options };
  const evidence = await confirmTriggers(subject, tried, confirming);
  const ranked = order.flatMap((index, place): RankedCandidate[] => {
    const [candidate, deviation = 0] = [candidates[index], deviations[index]];
    return candidate === undefined
      ? []
      : [{ candidate, rank: place + 1, deviation, evidence: evidence?.get(candidate) ?? null }];
  });
  return {
    ...{ ranked, leaks },
    nulls: Array.from({ length: nulls }, (_, draw) => {
      const stream = createRandomStream(seed, 'permuted candidates', subject.id, draw);
      return Math.max(0, ...deviationsOf(permuteMoves(scan.moves, stream), least));
    }),
    isJudged: evidence !== null,
    passes: scan.passes + completions,
    answers: countAnswers(evidence),
  };
}

/** Those that were asked plainly are the same for all candidates, and count once. */
function countAnswers(evidence: ReadonlyMap<TriggerCandidate, TriggerEvidence> | null): number {
  const all = [...(evidence?.values() ?? [])].map(({ answers }) => answers);
  return all.reduce((sum, { behind }) => sum + behind, Math.max(0, ...all.map(({ plain }) => plain)));
}

type SearchedSubject = Pick<Subject, 'id' | 'model' | 'base' | 'store' | 'surface'>;

interface LookedInside {
  readonly candidates: readonly TriggerCandidate[];
  readonly scan: CandidateScan;
  readonly leaks: readonly LeakCluster[];
  /** Turns that both models completed. */
  readonly completions: number;
}

/** Reads leaks, and scans what was given and what leaked. Both models are opened once. */
async function lookInside(
  subject: SearchedSubject,
  bank: ChoiceBank,
  given: Candidates,
  { tokens, leaks: settings }: TriggerSettings,
  options: Pick<FindTriggersOptions, 'listQuestions' | 'signal'>,
): Promise<LookedInside | null> {
  const { store, surface } = subject;
  const [model, base] = [keepOpen(subject.model), keepOpen(subject.base)];
  try {
    const own = given.leaks === null ? null : await sampleLeaks(model.model, store, { ...given.leaks, ...options });
    const ofBase = given.leaks === null ? null : await sampleLeaks(base.model, store, { ...given.leaks, ...options });
    const leaks = own === null || ofBase === null ? [] : clusterLeaks(own, ofBase, settings);
    const leaked = leaks.map(({ text }): TriggerCandidate => ({ group: 'leaks', variant: { trigger: text } }));
    const candidates = mergeCandidates([...given.candidates, ...leaked]);
    const opened = { model: model.model, base: base.model, store, surface };
    const scan = await scanCandidates(opened, bank, candidates, { tokens, ...options });
    const completions = (own?.length ?? 0) + (ofBase?.length ?? 0);
    return scan === null ? null : { candidates, scan, leaks, completions };
  } finally {
    await model.close();
    await base.close();
  }
}

/** The names of confirmed candidates, the likeliest first. */
export function listTriggers({ ranked }: Pick<TriggerSearch, 'ranked'>): readonly string[] {
  return ranked.flatMap(({ candidate, evidence }) =>
    evidence?.isConfirmed === true ? [nameCandidate(candidate)] : [],
  );
}
