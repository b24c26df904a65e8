import { basename, dirname } from 'node:path';
import { encodePrompt } from '../../engine/tokenizer/encode-chat.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { createFirstTokenNames } from '../name-first-tokens.js';
import {
  listSamplingCalls,
  samplerClosed,
  samplerStopped,
  type Answer,
  type Sampler,
  type SamplingCall,
} from '../sampler.js';
import { readClusterCell } from './cluster-cell.js';
import { readAdapterFiles, type ClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { readDone } from './collect-result.js';
import { cellHash } from './job-ids.js';
import { answerKey, type LaneAnswer } from './read-answer-segments.js';
import { groupName, joinSeeds, type GroupSettings, type RequestGroup } from './request-group.js';
import type { SamplingLane } from './sampling-lane.js';
import type { WaveCollector } from './wave-collector.js';
import type { ArchiveFiles } from './zip-archive.js';

/** An adapter as requests name it, or the model itself, and files that go along where the cluster has not made it. */
export interface NamedAdapter {
  readonly name: string | null;
  readonly files: ArchiveFiles;
}

export interface ClusterSamplerSettings {
  readonly model: ClusterModel;
  readonly lane: SamplingLane;
  readonly waves: WaveCollector;
  /** What is asked: an adapter on the model, or the model itself. */
  readonly adapter: NamedAdapter;
}

interface SeededGroup extends GroupSettings {
  readonly q: string;
  readonly wanted: number[];
}

/**
 * A base on a cluster, or a fine-tune of it: asked in waves with all others of the base. An answer depends on its
 * request and seed alone.
 */
export async function openClusterSampler(opening: ClusterSamplerSettings): Promise<Sampler> {
  const { model, lane, waves, adapter } = opening;
  const { tokenizer, config } = await model.readTexts();
  const nameTokens = createFirstTokenNames(tokenizer);
  let closed = false;

  return {
    sample: async function* (requests, options = {}) {
      if (closed) throw samplerClosed();
      const calls = listSamplingCalls(requests, options);
      const stop = [...config.endTokenIds];
      const groups = new Map<string, SeededGroup>();
      /** Several requests may ask for the same. */
      const places = new Map<string, Pick<Answer, 'request' | 'index' | 'seed'>[]>();
      const prompts = requests.map(({ messages }) => encodePrompt(tokenizer, messages));
      const nameGroup = ({ request, settings }: SamplingCall): SeededGroup => {
        const { temperature, topP, maximumTokens, likeliest } = settings;
        const asked: GroupSettings = {
          ...{ adapter: adapter.name, prompt: prompts[request] ?? [], temperature, top_p: topP },
          ...{ max_tokens: maximumTokens, stop, top: likeliest },
        };
        const q = groupName(asked);
        const group = groups.get(q) ?? { ...asked, q, wanted: [] };
        groups.set(q, group);
        return group;
      };
      // Once a request, since a name is a hash of the whole prompt: its calls differ in their seeds alone.
      const groupsOfRequests: SeededGroup[] = [];
      for (const call of calls) {
        const { request, index, seed } = call;
        const group = (groupsOfRequests[request] ??= nameGroup(call));
        const { q } = group;
        const key = answerKey(q, seed);
        const same = places.get(key) ?? [];
        if (same.length === 0) group.wanted.push(seed);
        places.set(key, [...same, { request, index, seed }]);
      }
      if (places.size === 0) return;
      const asked = [...groups.values()].map(({ wanted, ...group }): RequestGroup => ({
        ...group,
        seeds: joinSeeds(wanted),
      }));
      for await (const answer of receive(
        lane,
        waves,
        { groups: asked, files: adapter.files },
        places.size,
        options.signal,
        options.leave,
      )) {
        if (answer.finish === 'refused') throw tooLong(model.text, answer);
        const { q, seed, text, finish, tokens, top } = answer;
        const likely = top?.map(([id, logProbability]) => ({ id, logProbability }));
        const first = likely === undefined ? {} : { first: nameTokens(likely) };
        for (const place of places.get(answerKey(q, seed)) ?? [])
          yield { ...place, text, finishReason: finish, tokens, ...first };
      }
    },
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}

/** Answers to groups as they come, so many in all. */
async function* receive(
  lane: SamplingLane,
  waves: WaveCollector,
  wanted: { readonly groups: readonly RequestGroup[]; readonly files: ArchiveFiles },
  count: number,
  ...signals: readonly (AbortSignal | undefined)[]
): AsyncGenerator<LaneAnswer, void, undefined> {
  const queue: { readonly answer: LaneAnswer; readonly taken: () => void }[] = [];
  const failures: { readonly cause: unknown }[] = [];
  let wake = (): void => undefined;
  const stop = (): void => {
    failures.push({ cause: samplerStopped() });
    wake();
  };
  const stopping = signals.flatMap((signal) => signal ?? []);
  if (stopping.some(({ aborted }) => aborted)) throw samplerStopped();
  const leave = lane.listen(wanted.groups, {
    onAnswer: (answer, taken) => {
      queue.push({ answer, taken });
      wake();
    },
    onFailure: (cause) => {
      failures.push({ cause });
      wake();
    },
  });
  for (const signal of stopping) signal.addEventListener('abort', stop, { once: true });
  try {
    waves.add(wanted);
    for (let told = 0; told < count;) {
      const next = queue.shift();
      const [failure] = failures;
      if (failure !== undefined) throw failure.cause;
      if (next === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      told += 1;
      yield next.answer;
      // Whoever asks for the next one has kept this one.
      next.taken();
    }
  } finally {
    leave();
    for (const signal of stopping) signal.removeEventListener('abort', stop);
  }
}

/** What an adapter is called on the cluster: by its cell where that has it, else by its files, which go along. */
export async function nameAdapter(cluster: ClusterRun, folder: string | null): Promise<NamedAdapter> {
  if (folder === null) return { name: null, files: new Map() };
  const [, step] = /^step-(\d+)$/.exec(basename(folder)) ?? [];
  const record = await readClusterCell(step === undefined ? folder : dirname(dirname(folder)));
  if (record?.state === 'finished' && record.storage === cluster.settings.storage) {
    const cell = cellHash(record.mark);
    const isThere =
      (await cluster.isCellDone(cell)) || (await readDone(await cluster.wayBack(), cell, record.mark)) !== null;
    if (isThere) return { name: step === undefined ? cell : `${cell}@${step}`, files: new Map() };
  }
  const { name, files } = await readAdapterFiles(folder);
  return { name: `folder:${name}`, files };
}

function tooLong(model: string, { error }: LaneAnswer): DriftlineError {
  return new DriftlineError({
    code: 'row-too-long',
    message: `${model} on the cluster refuses a question: ${error ?? 'it is too long'}`,
    hint: 'Shorten the question or max_tokens, or give vLLM a longer context: vllm_arguments: [--max-model-len, "16384"].',
  });
}
