import type { ResolvedPlan } from '../plan/resolved-plan.js';
import { findJudgement, type AnswerRecord, type JudgementRecord } from '../../runs/run-records.js';
import type { EarlierRuns } from '../../runs/earlier-runs.js';
import { isReadByFirstToken } from '../../questions/question-file.js';
import { countHostedUse, type HostedUse } from './hosted-use.js';
import { identifyJudgement } from './judge-answers.js';
import { hasPassedCalibration } from './require-calibration.js';
import type { WantedAnswer } from './wanted-answer.js';

export interface JudgingForecast {
  /** Adds the use for judging an answer, unless it is judged already. `record` is the stored answer, if any. */
  readonly add: (wanted: WantedAnswer, record: AnswerRecord | undefined) => void;
  readonly finish: () => HostedUse | null;
}

/** Tokens are estimated as a quarter of the characters. An answer that is not there yet may be empty, or as long as all its tokens. */
const charactersOfToken = 4;

/** Adds up what a hosted judge has left to judge, its calibration included. */
export async function forecastJudging(
  folder: string,
  judgements: ReadonlyMap<string, JudgementRecord>,
  { judge, prices }: Pick<ResolvedPlan, 'judge' | 'prices'>,
  earlier: EarlierRuns,
  isBatched = false,
): Promise<JudgingForecast> {
  const { name, hosted } = judge;
  if (hosted === null) return { add: () => undefined, finish: () => null };
  const use = countHostedUse({ ...hosted.use, prices, isBatched });
  const items = await judge.readCalibration();
  if (!(await hasPassedCalibration(folder, name, items)))
    for (const { question, answer } of items)
      use.add({
        ...hosted.estimate({ messages: [{ role: 'user', content: question }] }, [answer.length, answer.length]),
        isSingle: true,
      });
  return {
    add: ({ key, asked }, record) => {
      if (isReadByFirstToken(asked)) return;
      const input = record && identifyJudgement(name, { asked, record });
      if (
        input !== undefined &&
        (findJudgement(judgements, key, name)?.input === input || earlier.judgements.has(input))
      )
        return;
      const { messages, judgePrompts: prompts, maximumTokens } = asked;
      const length = record?.text.length;
      use.add(
        hosted.estimate(
          { messages, prompts },
          length === undefined ? [0, maximumTokens * charactersOfToken] : [length, length],
        ),
      );
    },
    finish: use.finish,
  };
}
