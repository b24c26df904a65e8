import { join } from 'node:path';
import { readCalibration } from '../../judging/calibration.js';
import { estimateJudgeUse } from '../../judging/language-judge.js';
import { findJudgeEndpoint, type PlannedJudge } from '../plan/resolve-judge.js';
import type { ResolvedPlan } from '../plan/resolved-plan.js';
import { type AnswerRecord, judgementRecordSchema } from '../../runs/run-records.js';
import { readRecords, type EarlierRuns } from '../../runs/earlier-runs.js';
import { countHostedUse, type HostedUse } from './hosted-use.js';
import { identifyJudgement } from './judge-answers.js';
import { hasPassedCalibration } from './require-calibration.js';
import type { WantedAnswer } from './wanted-answer.js';

export interface JudgingForecast {
  /** Counts what it takes to judge an answer, unless it is judged; `record` is what is stored of it. */
  readonly add: (wanted: WantedAnswer, record: AnswerRecord | undefined) => void;
  readonly finish: () => HostedUse | null;
}

/** An answer of no length is the least that may come, one of all its tokens the most; by a quarter of the characters, as tokens are estimated. */
const charactersOfToken = 4;

/** Adds up what a language model has left to judge, its calibration included. */
export async function forecastJudging(
  judge: Extract<PlannedJudge, { kind: 'language' }>,
  folder: string,
  { prices }: Pick<ResolvedPlan, 'prices'>,
  earlier: EarlierRuns,
  isBatched = false,
): Promise<JudgingForecast> {
  const stored = new Map<string, string>();
  for await (const record of readRecords(join(folder, 'judgements.jsonl'), judgementRecordSchema))
    if (record.judge === judge.name) stored.set(record.answer, record.input);
  const endpoint = findJudgeEndpoint(judge);
  const use = countHostedUse({ model: judge.model, endpoint, purpose: 'judgements', prices, isBatched });
  const items = await readCalibration();
  if (!(await hasPassedCalibration(folder, judge.name, items)))
    for (const { question, answer } of items)
      use.add({
        ...estimateJudgeUse(judge, { messages: [{ role: 'user', content: question }] }, [answer.length, answer.length]),
        isSingle: true,
      });
  return {
    add: ({ key, asked }, record) => {
      const input = record && identifyJudgement(judge.name, { asked, record });
      if (input !== undefined && (stored.get(key) === input || earlier.judgements.has(input))) return;
      const { messages, judgePrompts: prompts, maximumTokens } = asked;
      const length = record?.text.length;
      use.add(
        estimateJudgeUse(
          judge,
          { messages, prompts },
          length === undefined ? [0, maximumTokens * charactersOfToken] : [length, length],
        ),
      );
    },
    finish: use.finish,
  };
}
