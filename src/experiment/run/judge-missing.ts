import type { Judge } from '../../judging/judge.js';
import type { SpendingLedger } from '../../models/hosted/spending/spending-ledger.js';
import type { EarlierRuns } from '../../runs/earlier-runs.js';
import { identifyJudgement, judgeAnswers, type AnswerToJudge } from './judge-answers.js';
import { findJudgement, keyOfJudgement, type JudgementRecord } from '../../runs/run-records.js';
import type { RunFolder } from '../../runs/run-folder.js';
import { sayWhatIsKept, type JudgingProgress, type RunTally } from './run-progress.js';

export interface JudgingContext {
  readonly folder: Pick<RunFolder, 'judgements'>;
  readonly judge: Judge;
  readonly earlier: () => Promise<EarlierRuns>;
  readonly tally: Pick<RunTally, 'judgements'>;
  /** Counts what a model that judges costs. */
  readonly spending?: SpendingLedger;
  readonly signal?: AbortSignal;
}

/** Judges what a judge has not judged, and takes over what it said in earlier runs. What was stored is never judged again. */
export async function judgeMissing(
  { folder, judge, earlier, tally, spending, signal }: JudgingContext,
  answers: readonly AnswerToJudge[],
  onStored: (progress: JudgingProgress) => void,
): Promise<void> {
  const missing: (AnswerToJudge & { readonly input: string })[] = [];
  const outdated: string[] = [];
  for (const answer of answers) {
    const input = identifyJudgement(judge.name, answer);
    const judgement = findJudgement(folder.judgements.records, answer.record.key, judge.name);
    if (judgement?.input === input) tally.judgements.there += 1;
    else missing.push({ ...answer, input });
    // Of an answer that was asked again, since its line was spoilt, and came out otherwise.
    if (judgement !== null && judgement.input !== input) outdated.push(keyOfJudgement(judgement));
  }
  if (missing.length === 0) return;
  const { judgements } = await earlier();
  const reused: JudgementRecord[] = [];
  const toJudge: AnswerToJudge[] = [];
  for (const answer of missing) {
    const found = judgements.get(answer.input);
    if (found === undefined) toJudge.push(answer);
    else reused.push({ ...found, answer: answer.record.key });
  }
  await folder.judgements.drop(outdated);
  await folder.judgements.append(reused);
  tally.judgements.reused += reused.length;
  const before = answers.length - toJudge.length;
  let done = before;
  const store = async (records: readonly JudgementRecord[]): Promise<void> => {
    await Promise.all([folder.judgements.append(records), spending?.save()]);
    tally.judgements.made += records.length;
    done += records.length;
    onStored({ stored: records.length, before, done, total: answers.length });
  };
  await judgeAnswers(judge, toJudge, store, signal === undefined ? {} : { signal }).catch((cause: unknown) => {
    throw sayWhatIsKept(cause, 'judged');
  });
}
