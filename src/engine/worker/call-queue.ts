import type { DecoderConfig } from '../checkpoint/decoder-config.js';
import { AnswerBatch, usualSlots, type AnswerCall } from '../sample/answer-batch.js';
import type { DecodeRunner, Interventions } from '../sample/decode-runner.js';
import { parseSampleRequest } from '../sample/parse-sample-request.js';
import { samplingStopped } from '../sample/sample-answers.js';
import { faultOf, type FromWorker, type ToWorker } from './sampler-messages.js';

/** The calls of a sampler, as its thread knows them. */
interface CallQueue {
  readonly add: (message: Extract<ToWorker, { kind: 'sample' }>) => void;
  readonly stop: (call: number) => void;
  /** Stops all calls, and waits for the step in progress. */
  readonly close: () => Promise<void>;
}

/** Calls that are sampled together. */
interface CallGroup {
  readonly slots: number;
  /** Whether later calls may join: a call with its own vectors is sampled alone. */
  readonly isOpen: boolean;
  readonly batch: AnswerBatch;
}

/** Steps, of some milliseconds each, that a few requests wait for others to share a prefill run. */
const patience = 3;

/** Prompt tokens that stay cached; for 30 layers with 3 key-value heads of width 64 they take 90 MB. */
const keptTokens = 2048;

/** Samples calls together if they ask for the same number of slots and bring no vectors; calls with vectors run one by one. */
export function createCallQueue(
  config: DecoderConfig,
  runner: DecodeRunner,
  interventions: Interventions,
  post: (message: FromWorker) => void,
): CallQueue {
  const calls = new Map<number, { readonly group: CallGroup; readonly call: AnswerCall }>();
  const groups: CallGroup[] = [];
  /** The latest group that calls may join, with the prompts that it remembers. */
  let plain: CallGroup | null = null;
  let work = Promise.resolve();
  let isWorking = false;

  /** The group that a call joins: the last one if possible, so that no call overtakes others. */
  function findGroup(slots: number, changes: Interventions): CallGroup {
    const isOpen = changes.add === undefined && changes.remove === undefined && changes.from === undefined;
    const last = groups.at(-1);
    if (isOpen && last !== undefined && last.isOpen && last.slots === slots) return last;
    if (isOpen && groups.length === 0 && plain?.slots === slots) {
      groups.push(plain);
      return plain;
    }
    const editedPrompts = (changes.from ?? interventions.from) !== 'answer';
    const settings = { slots, editedPrompts, ...(isOpen ? { patience, keptTokens } : {}) };
    const group = { slots, isOpen, batch: new AnswerBatch(config, runner.withVectors(changes), settings) };
    if (isOpen) plain = group;
    groups.push(group);
    return group;
  }

  function end(call: number, message: FromWorker): void {
    if (calls.delete(call)) post(message);
  }

  async function workThrough(): Promise<void> {
    for (let group = groups[0]; group !== undefined; group = groups[0]) {
      // Lets messages in, because a run of the graph blocks this thread.
      await new Promise((resolve) => {
        setImmediate(resolve);
      });
      try {
        await group.batch.step();
      } catch (error) {
        for (const [number, { group: its }] of calls)
          if (its === group) end(number, { kind: 'fault', call: number, fault: faultOf(error) });
        // After a fault its state is unknown, so no later call may join.
        if (plain === group) plain = null;
        groups.shift();
        continue;
      }
      if (group.batch.isIdle) groups.shift();
    }
    isWorking = false;
  }

  function stop(number: number): void {
    const known = calls.get(number);
    if (known === undefined) return;
    known.group.batch.remove(known.call);
    end(number, { kind: 'fault', call: number, fault: faultOf(samplingStopped()) });
  }

  return {
    add: ({ call: number, requests, slots = usualSlots(config), interventions: changes, tokens }) => {
      try {
        const parsed = requests.map((request, index) => parseSampleRequest(config, request, index));
        if (parsed.length === 0) {
          runner.withVectors(changes);
          post({ kind: 'done', call: number });
          return;
        }
        let left = parsed.length;
        const call: AnswerCall = {
          requests: parsed,
          onToken: tokens
            ? (token) => {
                post({ kind: 'token', call: number, token });
              }
            : undefined,
          onAnswer: (answer) => {
            left -= 1;
            post({ kind: 'answer', call: number, answer, isLast: left === 0 });
            if (left === 0) calls.delete(number);
          },
          onFault: (fault) => {
            end(number, { kind: 'fault', call: number, fault: faultOf(fault) });
          },
        };
        const group = findGroup(slots, changes);
        calls.set(number, { group, call });
        group.batch.add(call);
      } catch (error) {
        post({ kind: 'fault', call: number, fault: faultOf(error) });
        return;
      }
      if (isWorking) return;
      isWorking = true;
      work = workThrough();
    },
    stop,
    close: async () => {
      for (const number of [...calls.keys()]) stop(number);
      await work;
    },
  };
}
