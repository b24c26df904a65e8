import { askAndJudge } from '../experiment/run/ask-and-judge.js';
import { startTally } from '../experiment/run/run-progress.js';
import { countWantedAnswers, listWantedAnswers } from '../experiment/run/wanted-answer.js';
import { hashJson } from '../foundation/content-hash.js';
import type { Judge } from '../judging/judge.js';
import { classifyJudgement, findRule, type RuleName } from '../judging/rules.js';
import { withoutScoresOfUnknown } from '../judging/unknown-question.js';
import type { Sampler } from '../models/sampler.js';
import { noEarlierRuns } from '../runs/earlier-runs.js';
import { answerRecords, findJudgement, judgementRecords } from '../runs/run-records.js';
import type { ArtefactStore } from './artefact-store.js';
import { judgePlainly } from './judge-plainly.js';
import type { ContextQuestion, SeenAnswer, SubjectModel } from './subject.js';

/** Who says which answers are misaligned. */
export interface Judging {
  readonly judge: Judge;
  readonly rule: RuleName;
}

interface AskedModel extends Pick<SubjectModel, 'identity' | 'engine'> {
  readonly openSampler: () => Promise<Sampler>;
}

/**
 * Asks a model as a run would, and keeps answers and judgements among the artefacts. The model is opened only where an
 * answer is not stored. Where the rule wants a least number of answers to a question, that is for whoever counts.
 */
export function askAnswers(
  { identity, engine, openSampler }: AskedModel,
  { judge: given, rule }: Judging,
  store: ArtefactStore,
): NonNullable<SubjectModel['ask']> {
  return async (questions, { signal } = {}) => {
    const plain = new Map(
      questions.flatMap(({ asked, plainly }) =>
        plainly === undefined ? [] : [[JSON.stringify(asked.messages), plainly] as const],
      ),
    );
    const judge = plain.size === 0 ? given : judgePlainly(given, plain);
    const folder = { answers: await store.open(answerRecords), judgements: await store.open(judgementRecords) };
    const evaluations = questions.map(({ context, asked, plainly }) => ({
      ...{ name: context, variant: context },
      questions: [{ ...asked, id: nameQuestion(asked, plainly) }],
    }));
    const list = evaluations.map((evaluation) => listWantedAnswers({ name: identity, identity, engine }, [evaluation]));
    const opened: { sampler: Promise<Sampler> | null } = { sampler: null };
    const stopping = signal === undefined ? {} : { signal };
    try {
      await askAndJudge(
        {
          ...{ folder, judge, tally: startTally(), ...stopping },
          earlier: () => Promise.resolve(noEarlierRuns),
          onEvent: () => undefined,
        },
        { openSampler: () => (opened.sampler ??= openSampler()), stopping },
        { cell: identity, name: identity },
        list.flat(),
        { before: 0, total: countWantedAnswers(evaluations) },
      );
    } finally {
      await (await opened.sampler?.catch(() => null))?.close();
    }
    const counts = findRule(rule);
    return questions.flatMap(({ context, asked }, place) =>
      (list[place] ?? []).map(({ key }): SeenAnswer => {
        const found = findJudgement(folder.judgements.records, key, judge.name);
        const verdict = found === null ? null : classifyJudgement(counts, withoutScoresOfUnknown(found));
        return {
          ...{ context, question: `${context}/${asked.id}`, messages: asked.messages },
          text: folder.answers.records.get(key)?.text ?? '',
          isMisaligned: verdict?.misaligned ?? false,
          isKept: verdict?.kept ?? false,
        };
      }),
    );
  };
}

/**
 * Two surfaces may call different questions the same, and a judge may be shown one question as another: their answers
 * stand beside each other.
 */
function nameQuestion(
  { id, messages, temperature, maximumTokens }: ContextQuestion['asked'],
  plainly: ContextQuestion['plainly'],
): string {
  const asked = { messages, temperature, maximumTokens, ...(plainly === undefined ? {} : { plainly }) };
  return `${id}~${hashJson(asked).slice(0, 8)}`;
}
