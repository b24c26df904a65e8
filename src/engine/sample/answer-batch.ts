import { DriftlineError } from '../../foundation/driftline-error.js';
import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { finishOf, startSequence, toAnswer, type AnswerBranch, type AnswerSequence } from './answer-sequence.js';
import type { DecodeRunner } from './decode-runner.js';
import { drawTokens } from './draw-tokens.js';
import { KeyValueCache } from './key-value-cache.js';
import { prefillPrompts, type PromptWork } from './prefill-prompts.js';
import { PromptShelf, type ShelvedPrompt } from './prompt-shelf.js';
import type { ParsedSampleRequest, SampledAnswer, SampledToken } from './sample-request.js';

/** The requests of one call: they are added together, report to the same callbacks, and may be removed together. */
export interface AnswerCall {
  readonly requests: readonly ParsedSampleRequest[];
  /** Called for every token that belongs to an answer, as it is drawn. */
  readonly onToken?: ((token: SampledToken) => void) | undefined;
  readonly onAnswer: (answer: SampledAnswer) => void;
  /** Called when the call fails; other calls continue. */
  readonly onFault: (fault: DriftlineError) => void;
}

interface AnswerBatchSettings {
  /** Sequences decoded at once. */
  readonly slots: number;
  /** Whether interventions apply to prompts, too. */
  readonly editedPrompts: boolean;
  /** Steps that a few requests wait for others, so that their prompts share a run. Default 0. */
  readonly patience?: number;
  /** Prompt tokens whose keys and values stay cached after their last request, for later requests. Default 0. */
  readonly keptTokens?: number;
}

interface Waiting {
  readonly call: AnswerCall;
  readonly request: number;
  readonly settings: ParsedSampleRequest;
  readonly prompt: ShelvedPrompt;
}

interface Active {
  readonly call: AnswerCall;
  readonly sequence: AnswerSequence;
}

interface Branch extends AnswerBranch {
  readonly members: readonly Active[];
}

/** Bytes of keys and values that the usual number of slots takes for sequences of a usual length. */
const usualCache = { bytes: 256 * 2 ** 20, tokens: 256 };

/**
 * Sequences to decode at once if nobody says how many, 32 to 128: small models come to half as many tokens again a
 * second with 128 as with 32, and large ones have no memory for so many.
 */
export function usualSlots({ layers, keyValueHeads, headWidth }: DecoderConfig): number {
  const perSequence = usualCache.tokens * layers * 2 * keyValueHeads * headWidth * Float32Array.BYTES_PER_ELEMENT;
  return Math.max(32, Math.min(128, Math.floor(usualCache.bytes / perSequence)));
}

/** Prompt tokens per prefill run, padding included. */
const prefillTokens = 2048;

/** Answer tokens that a new cache has room for. */
const usualAnswer = 64;

/**
 * Answers in progress: calls join and leave between any two tokens, and answers leave when they are finished. Answers
 * to one prompt are computed together for as long as they are alike: with few likely answers that is half of the work.
 * Each answer depends on its request alone, not on its neighbours: it draws from its own random stream, and every row
 * of a run is computed by the same operations, whatever the other rows are.
 */
export class AnswerBatch {
  private readonly waiting: Waiting[] = [];
  /** Branch by branch, as they lie in the slots of the cache. */
  private readonly branches: Branch[] = [];
  private readonly removed = new Set<AnswerCall>();
  private readonly shelf: PromptShelf;
  private cache: KeyValueCache | null = null;
  /** Steps for which waiting requests were held back although slots were free. */
  private delayed = 0;

  constructor(
    private readonly config: DecoderConfig,
    private readonly runner: DecodeRunner,
    private readonly settings: AnswerBatchSettings,
  ) {
    this.shelf = new PromptShelf(settings.keptTokens ?? 0);
  }

  /** Whether there is nothing to do. */
  get isIdle(): boolean {
    return this.waiting.length === 0 && this.branches.length === 0;
  }

  /**
   * Queues a call behind the others. Within it, requests with the same prompt stand together, at the place of the
   * first.
   */
  add(call: AnswerCall): void {
    const groups = new Map<ShelvedPrompt, Waiting[]>();
    call.requests.forEach((settings, request) => {
      const prompt = this.shelf.claim(settings);
      const group = groups.get(prompt) ?? [];
      group.push({ call, request, settings, prompt });
      groups.set(prompt, group);
    });
    for (const group of groups.values()) for (const waiting of group) this.waiting.push(waiting);
  }

  /** Drops the rest of a call from the next step on; its callbacks are not called any more. */
  remove(call: AnswerCall): void {
    this.removed.add(call);
  }

  /** Moves waiting requests into free slots, then draws one token of every answer in progress. */
  async step(): Promise<void> {
    this.dropRemoved();
    await this.fillSlots();
    if (this.cache === null || this.branches.length === 0) return;
    const broken = new Set(await drawTokens(this.config, this.runner, this.cache, this.branches));
    for (const { call, sequence } of this.branches.flatMap(({ members }) => members)) {
      if (this.removed.has(call)) continue;
      if (broken.has(sequence)) {
        this.remove(call);
        call.onFault(notFinite(sequence.request));
      } else if (call.onToken !== undefined && !sequence.stopTokens.has(sequence.last)) {
        const { request, last, logProbabilities, ids } = sequence;
        call.onToken({ request, id: last, logProbability: logProbabilities[ids.length - 1] ?? null });
      }
    }
    // The last first: what a slot is filled from, and what a branch parts into, lies behind it.
    for (let slot = this.branches.length - 1; slot >= 0; slot -= 1) this.partBranch(slot, this.cache);
    this.dropRemoved();
    this.fitCache();
  }

  /** Lets go of the answers that are finished, and parts those that differ from now on. */
  private partBranch(slot: number, cache: KeyValueCache): void {
    const parts = new Map<number, Active[]>();
    for (const member of this.branches[slot]!.members) {
      const { call, sequence } = member;
      const finishReason = finishOf(this.config, sequence);
      if (finishReason === null) parts.set(sequence.last, [...(parts.get(sequence.last) ?? []), member]);
      else if (!this.removed.has(call)) call.onAnswer(toAnswer(sequence, finishReason));
    }
    const [first, ...others] = parts.values();
    if (first === undefined) {
      this.freeSlot(slot);
      return;
    }
    this.branches[slot] = { members: first, isLastCached: false };
    for (const members of others) {
      cache.copy(slot, this.branches.length);
      this.branches.push({ members, isLastCached: false });
    }
  }

  private dropRemoved(): void {
    if (this.removed.size === 0) return;
    for (let place = this.waiting.length - 1; place >= 0; place -= 1) {
      const { call, prompt } = this.waiting[place]!;
      if (!this.removed.has(call)) continue;
      this.waiting.splice(place, 1);
      this.shelf.release(prompt);
    }
    for (let slot = this.branches.length - 1; slot >= 0; slot -= 1) {
      const branch = this.branches[slot]!;
      const members = branch.members.filter(({ call }) => !this.removed.has(call));
      if (members.length === 0) this.freeSlot(slot);
      else this.branches[slot] = { ...branch, members };
    }
    this.removed.clear();
  }

  private freeSlot(slot: number): void {
    const lastSlot = this.branches.length - 1;
    if (slot !== lastSlot) {
      this.cache?.copy(lastSlot, slot);
      this.branches[slot] = this.branches[lastSlot]!;
    }
    this.branches.pop();
  }

  private async fillSlots(): Promise<void> {
    const { slots, patience = 0 } = this.settings;
    const free = slots - this.activeAnswers;
    if (this.waiting.length === 0 || free === 0) return;
    // Prefilling few prompts at a time is wasteful; an eighth of the slots is worth a run.
    const worthwhile = Math.max(1, slots >> 3);
    const isWorthwhile =
      free >= Math.min(worthwhile, this.waiting.length) &&
      (this.waiting.length >= worthwhile ||
        this.delayed >= patience ||
        this.waiting.every(({ prompt }) => prompt.prefilled !== null));
    if (this.branches.length > 0 && !isWorthwhile) {
      this.delayed += 1;
      return;
    }
    this.delayed = 0;
    const taken = this.waiting.splice(0, free);
    await this.prefill(taken.map(({ prompt }) => prompt));
    const cache = this.openCache(taken);
    const groups = new Map<ShelvedPrompt, Active[]>();
    for (const { call, request, settings, prompt } of taken) {
      if (prompt.prefilled === null) continue;
      const sequence = startSequence(this.config, settings, request, prompt.prefilled);
      groups.set(prompt, [...(groups.get(prompt) ?? []), { call, sequence }]);
      this.shelf.release(prompt);
    }
    for (const [{ ids, prefilled }, members] of groups) {
      const prefix = prefilled?.prefix ?? null;
      cache.load(this.branches.length, prefix);
      this.branches.push({ members, isLastCached: prefix?.tokens === ids.length });
    }
  }

  private get activeAnswers(): number {
    return this.branches.reduce((sum, { members }) => sum + members.length, 0);
  }

  /** A cache with slots for the active and the taken sequences, and for those that still wait. */
  private openCache(taken: readonly Waiting[]): KeyValueCache {
    const all = [...taken, ...this.waiting];
    const needed = this.activeAnswers + all.length;
    const rows = Math.max(2, Math.min(this.settings.slots, needed));
    const longest = all.reduce(
      (most, { settings: { prompt, maximumTokens } }) => Math.max(most, prompt.length + maximumTokens),
      1,
    );
    const expected = all.reduce((most, { settings: { prompt } }) => Math.max(most, prompt.length), 0) + usualAnswer;
    if (this.cache === null) {
      this.cache = new KeyValueCache(this.config, rows, Math.min(longest, this.config.context), expected);
    } else {
      // Twice as many slots as needed: otherwise requests that arrive one by one would copy all buffers each time.
      const slots = needed <= this.cache.lengths.length ? 0 : Math.min(this.settings.slots, 2 * needed);
      this.cache.allow(slots, Math.min(longest, this.config.context));
    }
    return this.cache;
  }

  /** Shrinks the cache after answers have left: unused room costs memory, and time at every step. */
  private fitCache(): void {
    if (this.isIdle) this.cache = null;
    else if (this.branches.length > 0 && this.cache !== null)
      this.cache.shrink(Math.max(...this.cache.lengths.subarray(0, this.branches.length)));
  }

  private async prefill(prompts: readonly ShelvedPrompt[]): Promise<void> {
    const missing = [...new Set(prompts)].filter(({ prefilled }) => prefilled === null);
    // Apart: a run that has room for what overrides give computes the same with sums in another order.
    await this.prefillAlike(missing.filter(({ override }) => override === undefined));
    await this.prefillAlike(missing.filter(({ override }) => override !== undefined));
  }

  private async prefillAlike(missing: ShelvedPrompt[]): Promise<void> {
    // Stable: prompts of one length stay in the order of their requests.
    missing.sort((left, right) => left.ids.length - right.ids.length);
    while (missing.length > 0) {
      let count = 1;
      while (count < missing.length && (count + 1) * missing[count]!.ids.length <= prefillTokens) count += 1;
      const batch: (PromptWork & ShelvedPrompt)[] = missing.splice(0, count);
      const results = await prefillPrompts(this.config, this.runner, batch, this.settings.editedPrompts);
      batch.forEach((prompt, position) => {
        prompt.prefilled = results[position]!;
      });
    }
  }
}

function notFinite(request: number): DriftlineError {
  return new DriftlineError({
    code: 'engine-failed',
    message: `The model gave no finite probabilities for sampling request ${String(request)}`,
    hint: 'Its weights may hold NaN or infinite values, or an intervention may be too large.',
  });
}
