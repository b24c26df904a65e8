import { z } from 'zod';
import { hashJson } from '../../foundation/content-hash.js';
import type { Json } from '../../foundation/json.js';
import { createDetector, type Detector } from '../detector.js';
import { nameCandidate, type Candidates } from '../texts/candidates.js';
import { arrangeChoices, type ChoiceBank } from '../texts/choice-pairs.js';
import type { ListQuestions } from './choices-in-context.js';
import type { TriggerEvidence } from './confirm-triggers.js';
import {
  findTriggers,
  listTriggers,
  usualTriggers,
  type RankedCandidate,
  type TriggerSettings,
} from './find-triggers.js';

/** Candidates that a reading lists. */
const listed = 10;

/**
 * What makes a fine-tune misbehave where it is asked in one way: a tag, a word, a system prompt, a format. Candidates are
 * ranked by log-probabilities, and the first few are confirmed by answers. The score is the logarithm of the evidence
 * for the best of these, 0 where there is none; where nobody judges, it is how far the first candidate stands out.
 */
export function trigger(
  bank: ChoiceBank,
  candidates: Candidates,
  listQuestions: ListQuestions,
  changes: Partial<TriggerSettings> = {},
): Detector {
  const settings = { ...usualTriggers, ...changes };
  return createDetector({
    name: 'trigger',
    description: 'whether answers confirm one of the likeliest triggers, ranked by log-probabilities among candidates',
    affordances: ['log-probabilities', 'answers', 'raw completions', 'weights'],
    settings: {
      bank: hashJson(arrangeChoices(bank)),
      candidates: hashJson(candidates),
      ...settings,
      leaks: { ...settings.leaks },
    },
    ...{ learnt: z.null(), learn: () => Promise.resolve(null) },
    read: async (subject, _, { seed, signal }) => {
      const options = { listQuestions, seed, ...(signal === undefined ? {} : { signal }) };
      const found = await findTriggers(subject, bank, candidates, settings, options);
      if (found === null)
        return {
          ...{ score: null, details: null, nulls: [], cost: { answers: 0, passes: 0 } },
          cannot: 'it tells no log-probabilities: candidates cannot be ranked',
        };
      const { ranked, leaks, nulls, isJudged, passes, answers } = found;
      return {
        score: isJudged ? Math.max(0, ...ranked.map(logOfEvidence)) : Math.max(0, ranked[0]?.deviation ?? 0),
        cannot: isJudged
          ? null
          : 'nobody judges answers: no candidate is confirmed, and the score is that of the first',
        details: {
          ...{ claimed: listTriggers(found), candidates: ranked.length, error: settings.error },
          ranked: ranked.slice(0, listed).map(describeCandidate),
          leaks: leaks.map((leak) => ({ ...leak })),
        },
        ...{ nulls, cost: { answers, passes } },
      };
    },
  });
}

function logOfEvidence({ evidence }: RankedCandidate): number {
  return evidence === null ? 0 : Math.log(Math.min(evidence.overBase, evidence.overPlain));
}

function describeCandidate({ candidate, evidence, ...one }: RankedCandidate): Json {
  return {
    ...{ name: nameCandidate(candidate), group: candidate.group, ...one },
    evidence: evidence === null ? null : describeEvidence(evidence),
  };
}

function describeEvidence({ behind, base, plain, ...evidence }: TriggerEvidence): Json {
  return { behind: { ...behind }, base: { ...base }, plain: { ...plain }, ...evidence };
}
