import type { KeyValueOverride } from './key-value-override.js';
import type { PrefilledPrompt, PromptWork } from './prefill-prompts.js';
import type { ParsedSampleRequest } from './sample-request.js';

/** A prompt, everything that its requests want of it, and what has been computed for it. */
export interface ShelvedPrompt extends PromptWork {
  readonly key: string;
  logProbabilities: boolean;
  topLogProbabilities: number;
  prefilled: PrefilledPrompt | null;
  /** Requests that will need it. */
  claims: number;
}

/** Prompts by their ids and overrides, so that each is computed once; the most recent ones are kept for later requests. */
export class PromptShelf {
  private readonly claimed = new Map<string, ShelvedPrompt>();
  /** Prompts that no request uses at the moment, least recently used first. */
  private readonly kept = new Map<string, ShelvedPrompt>();
  private tokens = 0;
  /** Numbers of the tensors that overrides give: to compare what is in them would take longer than to compute again. */
  private readonly numbers = new WeakMap<Float32Array, number>();
  private numbered = 0;

  /** @param keptTokens most tokens of unclaimed prompts to keep; beyond that the least recently used are dropped */
  constructor(private readonly keptTokens: number) {}

  /** Claims the prompt of a request, which requests may share. Release it when the request has started or is dropped. */
  claim({ prompt: ids, promptLogProbabilities, topLogProbabilities, override }: ParsedSampleRequest): ShelvedPrompt {
    const key = override === undefined ? ids.join() : `${ids.join()};${this.nameOverride(override)}`;
    const top = promptLogProbabilities ? topLogProbabilities : 0;
    const known = this.claimed.get(key) ?? this.takeKept(key);
    const isEnough =
      known !== null &&
      (known.prefilled === null ||
        !promptLogProbabilities ||
        (known.logProbabilities && known.topLogProbabilities >= top));
    const prompt = isEnough
      ? known
      : { key, ids, override, logProbabilities: false, topLogProbabilities: 0, prefilled: null, claims: 0 };
    if (prompt.prefilled === null) {
      prompt.logProbabilities ||= promptLogProbabilities;
      prompt.topLogProbabilities = Math.max(prompt.topLogProbabilities, top);
    }
    prompt.claims += 1;
    this.claimed.set(key, prompt);
    return prompt;
  }

  release(prompt: ShelvedPrompt): void {
    prompt.claims -= 1;
    if (prompt.claims > 0) return;
    // A prompt of the same ids with more log-probabilities may have taken its place.
    if (this.claimed.get(prompt.key) === prompt) this.claimed.delete(prompt.key);
    // Tensors of a later call are other ones, even if they hold the same.
    if (prompt.prefilled === null || prompt.override !== undefined || prompt.ids.length > this.keptTokens) return;
    this.takeKept(prompt.key);
    this.kept.set(prompt.key, prompt);
    this.tokens += prompt.ids.length;
    for (const key of this.kept.keys()) {
      if (this.tokens <= this.keptTokens) return;
      this.takeKept(key);
    }
  }

  private nameOverride({ positions, keys, values }: KeyValueOverride): string {
    const numbers = [keys.data, values.data].map((data) => {
      const known = this.numbers.get(data);
      if (known !== undefined) return known;
      this.numbered += 1;
      this.numbers.set(data, this.numbered);
      return this.numbered;
    });
    return [positions.join(), ...numbers].join(';');
  }

  private takeKept(key: string): ShelvedPrompt | null {
    const prompt = this.kept.get(key);
    if (prompt === undefined) return null;
    this.kept.delete(key);
    this.tokens -= prompt.ids.length;
    return prompt;
  }
}
