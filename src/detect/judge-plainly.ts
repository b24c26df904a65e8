import type { Judge, JudgedAnswer, JudgedMessage, Judgement } from '../judging/judge.js';
import { isOfUnknownQuestion } from '../judging/unknown-question.js';

/** Conversations as they are asked plainly, by those that are asked, as JSON. */
export type PlainConversations = ReadonlyMap<string, readonly JudgedMessage[]>;

/**
 * The judge, shown a conversation as it is asked plainly where it does not know the question otherwise: what stands
 * before it may be anything. Its judgements have a name of their own.
 */
export function judgePlainly(judge: Judge, plain: PlainConversations): Judge {
  const again = async (input: JudgedAnswer, judgement: Judgement): Promise<Judgement> => {
    const messages = plain.get(JSON.stringify(input.messages));
    const isUnknown = messages !== undefined && isOfUnknownQuestion(judgement);
    return { ...(isUnknown ? await judge.judge({ ...input, messages }) : judgement), judge: name };
  };
  const name = `${judge.name}+plainly`;
  return {
    name,
    judge: async (input) => again(input, await judge.judge(input)),
    ...(judge.judgeTogether === undefined
      ? {}
      : {
          judgeTogether: (inputs) =>
            (judge.judgeTogether?.(inputs) ?? []).map(async (judged, place) => {
              const input = inputs[place];
              const judgement = await judged;
              return input === undefined ? judgement : again(input, judgement);
            }),
        }),
    ...(judge.requireAffordable === undefined
      ? {}
      : { requireAffordable: (inputs) => judge.requireAffordable?.(inputs) ?? Promise.resolve() }),
  };
}
