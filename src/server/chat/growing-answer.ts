import { createAnswerDecoder } from '../../engine/tokenizer/answer-decoder.js';
import type { TextTokenizer } from '../../engine/tokenizer/text-tokenizer.js';
import type { TokenLogProbability } from '../../engine/sample/sample-request.js';

/** Text that will not be taken back, with the tokens that it is made of. */
export interface TextPiece {
  readonly text: string;
  readonly logProbabilities: readonly TokenLogProbability[];
}

/** The text of an answer as its tokens come, up to the first stop text. */
interface GrowingAnswer {
  /** Tokens of the answer so far; with a stop text, those that its text is made of. */
  readonly tokens: number;
  /** Whether a stop text was found: nothing that comes later belongs to the answer. */
  readonly isStopped: boolean;
  push(id: number, logProbability: TokenLogProbability | null): TextPiece | null;
  /** What was held back because it might have been the beginning of a stop text, or of a character. */
  finish(): TextPiece | null;
}

export function createGrowingAnswer(tokenizer: TextTokenizer, stop: readonly string[]): GrowingAnswer {
  const decoder = createAnswerDecoder(tokenizer, { skipSpecialTokens: true });
  const longestStop = Math.max(0, ...stop.map((text) => text.length));
  /** Tokens that have not been handed out, with the place in the text where each begins. */
  const pending: { readonly start: number; readonly logProbability: TokenLogProbability | null }[] = [];
  let text = '';
  let handedOut = 0;
  let tokens = 0;
  let isStopped = false;

  /** Hands out the text up to a place, with the tokens that begin before it, or all. */
  function handOut(end: number, allTokens: boolean): TextPiece | null {
    const piece = text.slice(handedOut, end);
    handedOut = Math.max(handedOut, end);
    let count = 0;
    while (count < pending.length && (allTokens || (pending[count]?.start ?? Infinity) < end)) count += 1;
    tokens += count;
    const logProbabilities = pending
      .splice(0, count)
      .flatMap(({ logProbability }) => (logProbability === null ? [] : [logProbability]));
    return piece === '' && logProbabilities.length === 0 ? null : { text: piece, logProbabilities };
  }

  function add(more: string): TextPiece | null {
    const searchedFrom = Math.max(handedOut, text.length - longestStop);
    text += more;
    const found = stop.map((one) => text.indexOf(one, searchedFrom)).filter((place) => place !== -1);
    if (found.length > 0) {
      isStopped = true;
      return handOut(Math.min(...found), false);
    }
    return more === '' ? null : handOut(text.length - lengthOfBeginning(text, stop), false);
  }

  return {
    get tokens() {
      return tokens;
    },
    get isStopped() {
      return isStopped;
    },
    push: (id, logProbability) => {
      if (isStopped) return null;
      pending.push({ start: text.length, logProbability });
      return add(decoder.push(id));
    },
    finish: () => {
      if (isStopped) return null;
      const piece = add(decoder.finish());
      // As above; it may have become true.
      if (isStopped as boolean) return piece;
      const rest = handOut(text.length, true);
      if (piece === null || rest === null) return piece ?? rest;
      return {
        text: piece.text + rest.text,
        logProbabilities: [...piece.logProbabilities, ...rest.logProbabilities],
      };
    },
  };
}

/** How long the longest end of the text is that a stop text begins with. */
function lengthOfBeginning(text: string, stop: readonly string[]): number {
  const longest = Math.max(0, ...stop.map((one) => one.length - 1));
  for (let length = Math.min(longest, text.length); length > 0; length -= 1) {
    const end = text.slice(text.length - length);
    if (stop.some((one) => one.startsWith(end))) return length;
  }
  return 0;
}
