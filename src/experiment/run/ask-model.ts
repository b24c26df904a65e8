import type { Sampler, SamplingRequest } from '../../models/sampler.js';
import type { AnswerRecord } from '../../runs/run-records.js';
import { recordAnswer, type WantedAnswer } from './wanted-answer.js';

/** Answers that are written to disk together: each write waits for the disk. */
const batch = 64;

/**
 * Asks a model for answers, and hands them on in small batches as they come. What was handed on is never asked again; whoever
 * is stopped in between loses at most a batch.
 */
export async function askModel(
  sampler: Sampler,
  wanted: readonly WantedAnswer[],
  store: (records: readonly AnswerRecord[]) => Promise<void>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<void> {
  const ranges = groupIntoRanges(wanted);
  let pending: AnswerRecord[] = [];
  const flush = async (): Promise<void> => {
    const records = pending;
    pending = [];
    if (records.length > 0) await store(records);
  };
  try {
    const requests = ranges.map(toRequest);
    for await (const answer of sampler.sample(requests, signal === undefined ? {} : { signal })) {
      const asked = ranges[answer.request]?.[answer.index];
      if (asked === undefined) continue; // an answer that nobody asked for
      const { text, finishReason, tokens } = answer;
      pending.push(recordAnswer(asked, { text, finish_reason: finishReason, tokens }));
      if (pending.length >= batch) await flush();
    }
  } finally {
    await flush();
  }
}

/** Answers to one question whose indices follow each other are one request. */
function groupIntoRanges(wanted: readonly WantedAnswer[]): WantedAnswer[][] {
  const ranges: WantedAnswer[][] = [];
  for (const answer of wanted) {
    const range = ranges.at(-1);
    const last = range?.at(-1);
    if (range !== undefined && last?.asked === answer.asked && last.seed + 1 === answer.seed) range.push(answer);
    else ranges.push([answer]);
  }
  return ranges;
}

function toRequest(range: readonly WantedAnswer[]): SamplingRequest {
  const { asked, seed } = range[0] as WantedAnswer; // ranges are not empty
  const { messages, temperature, maximumTokens } = asked;
  // Not empty either: the user turn is always there.
  return { messages: messages as SamplingRequest['messages'], count: range.length, seed, temperature, maximumTokens };
}
