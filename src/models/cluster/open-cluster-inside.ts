import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { FloatTensor } from '../../engine/checkpoint/float-tensor.js';
import { readDecoderConfig } from '../../engine/checkpoint/read-decoder-config.js';
import { readSafetensors } from '../../engine/checkpoint/read-safetensors.js';
import { readTokenizer } from '../../engine/tokenizer/read-tokenizer.js';
import { DriftlineError } from '../../foundation/driftline-error.js';
import { hashJson } from '../../foundation/content-hash.js';
import { formatDuration } from '../../foundation/format-quantities.js';
import type { Interventions } from '../../engine/sample/decode-runner.js';
import {
  encodeInsideText,
  requireKeysAndValues,
  requireQuestions,
  requireResiduals,
  requireScores,
} from '../embedded/inside-requests.js';
import type { Inside } from '../inside.js';
import { samplerClosed, samplerStopped } from '../sampler.js';
import { packClosedLines, readCheckedLine } from './checked-lines.js';
import type { ClusterModel } from './cluster-model.js';
import type { ClusterRun } from './cluster-run.js';
import { readDoneIn, readWhole } from './collect-result.js';
import {
  explainFailedJob,
  explainJobFault,
  faultCode,
  fruitlessJobs,
  parseFault,
  type FaultyWork,
} from './explain-fault.js';
import { cellHash, insideJobId, type JobProgress } from './job-ids.js';
import { isNameTaken, mostTakenNames } from './ray-answers.js';
import { isPlaced, quietAfter, stopStalled } from './stalled-work.js';
import type { ArchiveFiles } from './zip-archive.js';

export interface ClusterInsideSettings {
  readonly cluster: ClusterRun;
  readonly model: ClusterModel;
  /** An adapter as the cluster calls it, and its files where that does not have it. */
  readonly adapter: { readonly name: string | null; readonly files: ArchiveFiles };
}

const never = new AbortController().signal;

type RequestLine = Readonly<Record<string, unknown>>;

/** What a job found, by the numbers of its requests. */
interface Found {
  readonly tensors: ReadonlyMap<string, FloatTensor>;
  readonly lines: ReadonlyMap<string, unknown>;
}

const answerSchema = z.looseObject({
  text: z.string(),
  ids: z.array(z.int().nonnegative()),
  finish: z.enum(['stop', 'length']),
});
const scoreSchema = z.looseObject({
  log_probabilities: z.array(z.number()),
  top: z.array(z.array(z.tuple([z.int().nonnegative(), z.number()]))).default([]),
});

const [tensorsName, linesName] = ['result.safetensors', 'scores.jsonl'];

/**
 * Looks into a model on a cluster: each call is a job, called by the hash of all that it is asked, so that whoever asks the same again in a run finds
 * what was found. transformers computes it there.
 */
export async function openClusterInside({ cluster, model, adapter }: ClusterInsideSettings): Promise<Inside> {
  const { settings, ray, watcher } = cluster;
  const [tokenizer, { config }] = await Promise.all([readTokenizer(model.folder), readDecoderConfig(model.folder)]);
  let closed = false;
  const begin = (signal: AbortSignal | undefined): void => {
    if (closed) throw samplerClosed();
    if (signal?.aborted === true) throw samplerStopped();
  };

  async function look(requests: readonly RequestLine[], signal: AbortSignal | undefined): Promise<Found> {
    const lines = requests.map((request, number) => ({ id: String(number), ...request }));
    const about = { v: 1, model: model.job, adapter: adapter.name, dtype: settings.dtype };
    // With the run, in whose folder it lies.
    const mark = hashJson({ ...about, run: cluster.name(), requests: lines });
    const hash = cellHash(mark);
    const home = `runs/${cluster.name()}/inside/${hash}`;
    let id = insideJobId(hash);
    const { gpus_per_sampler: gpus, resources, stalled_after: minutes } = settings;
    const stopping = signal === undefined ? {} : { signal };
    const submit = (renews: boolean) =>
      cluster.submit(
        {
          ...{ kind: 'inside', id, mark, metadata: { inside: hash } },
          keys: { hash, gpus, resources, stalled_after: Math.round(minutes * 60) },
          deliver: async () =>
            new Map([
              ...(await model.readFiles()),
              ...adapter.files,
              [`${home}/job.json`, Buffer.from(`${JSON.stringify({ ...about, mark })}\n`)],
              [`${home}/requests.jsonl.gz`, packClosedLines(lines)],
            ]),
          onEnded: renews ? 'renew' : 'keep',
        },
        signal,
      );
    const describeWork = (): FaultyWork => ({
      ...{ job: id, address: ray.address, recipe: null, model: model.text, isWhole: 'cell' in model.job },
      ...{ storage: settings.storage, python: settings.python },
    });
    let moved = 0;
    let stalledAt: number | null = null;
    /** What stalls is begun once more, until it stalls without having come further. */
    const endStall = (message: string): void => {
      if (stalledAt !== null && moved <= stalledAt) throw explainJobFault({ kind: 'stalled', message }, describeWork());
      stalledAt = moved;
      cluster.onNotice(`${id}: ${message}; it is begun once more`);
    };
    const onMoved = ({ state, count }: JobProgress): Promise<void> => {
      if (state === 'running') moved = Math.max(moved, count);
      return Promise.resolve();
    };
    let number = 0;
    let isFirst = true;
    for (let fruitless = 0; ;) {
      await (isFirst
        ? cluster.patientlyOnceReached(() => submit(false), signal)
        : cluster.patiently(() => submit(true), signal));
      isFirst = false;
      const followed = { kind: 'inside', name: hash, job: id, onMoved, quietAfter: quietAfter(cluster) } as const;
      const { status } = await watcher.follow({ ...followed, ...stopping });
      if (status === 'QUIET') {
        const isHanging = async () => isPlaced(await cluster.wayBack(signal), home, signal);
        if (!(await cluster.patiently(isHanging, signal))) continue;
        const hanging = id;
        await cluster.patiently(() => stopStalled(ray, hanging, cluster.clock, signal ?? never), signal);
        endStall(`its node said nothing for ${formatDuration(quietAfter(cluster))}`);
        continue;
      }
      const found = await cluster.patiently(async () => {
        const wayBack = await cluster.wayBack(signal);
        const done = await readDoneIn(wayBack, home, mark, signal);
        if (done === null) return null;
        const fetch = (name: string): Promise<Uint8Array> =>
          readWhole(wayBack, `${home}/${name}`, done.files[name], signal);
        return { tensors: await fetch(tensorsName), lines: await fetch(linesName) };
      }, signal);
      if (found !== null) return { tensors: await unpack(found.tensors), lines: readLines(found.lines) };
      const ended = id;
      const { failed, fault } = await cluster.patiently(async () => {
        const job = status === 'FAILED' ? await ray.find(ended, signal) : null;
        if (job?.driver_exit_code !== faultCode) return { failed: job, fault: null };
        const wayBack = await cluster.wayBack(signal);
        return { failed: job, fault: await wayBack.read(`${home}/fault.json`, { purpose: 'done', signal }) };
      }, signal);
      if (fault !== null) {
        const told = parseFault(fault);
        if (told.kind !== 'stalled') throw explainJobFault(told, describeWork());
        endStall(told.message);
        continue;
      }
      if (failed !== null && isNameTaken(failed) && number < mostTakenNames) {
        number += 1;
        id = insideJobId(hash, number);
        continue;
      }
      fruitless += 1;
      if (fruitless < fruitlessJobs) continue;
      if (failed !== null) throw explainFailedJob(failed, describeWork());
      const message = `it ended ${String(fruitless)} times, and left nothing: ${String(status)}`;
      throw explainJobFault({ kind: 'other', message }, describeWork());
    }
  }

  /** Looks, unless there is nothing to look at, and reads what was found for each request. */
  async function lookAt<Result>(
    requests: readonly RequestLine[],
    signal: AbortSignal | undefined,
    read: (found: Found, id: string) => Result,
  ): Promise<Result[]> {
    if (requests.length === 0) return [];
    try {
      const found = await look(requests, signal);
      return requests.map((_, number) => read(found, String(number)));
    } catch (cause) {
      // The job goes on, and is found again.
      throw signal?.aborted === true ? samplerStopped() : cause;
    }
  }

  return {
    shape: { blocks: config.layers, width: config.width, vocabulary: config.vocabulary },
    encode: (messages) => encodeInsideText(tokenizer, messages),
    residuals: async (texts, { layers, pool }, { signal } = {}) => {
      begin(signal);
      requireResiduals(config, texts, { layers, pool });
      return lookAt(
        texts.map(({ ids, promptLength }) => ({
          do: 'residuals',
          ids: [...ids],
          prompt: promptLength,
          layers: [...layers],
          pool,
        })),
        signal,
        (found, id) =>
          takeTensor(
            found,
            `${id}.residuals`,
            (tokens) => (pool === 'every' ? [layers.length, tokens, config.width] : [layers.length, config.width]),
            texts[Number(id)]?.ids.length ?? 0,
          ),
      );
    },
    keysAndValues: async (texts, { layers }, { signal } = {}) => {
      begin(signal);
      requireKeysAndValues(config, texts, { layers });
      const shapeOf = (tokens: number): number[] => [layers.length, config.keyValueHeads, tokens, config.headWidth];
      return lookAt(
        texts.map(({ ids }) => ({ do: 'keys-values', ids: [...ids], layers: [...layers] })),
        signal,
        (found, id) => {
          const tokens = texts[Number(id)]?.ids.length ?? 0;
          return {
            keys: takeTensor(found, `${id}.keys`, shapeOf, tokens),
            values: takeTensor(found, `${id}.values`, shapeOf, tokens),
          };
        },
      );
    },
    answer: async (questions, interventions = {}, { signal } = {}) => {
      begin(signal);
      const asked = requireQuestions(config, questions, interventions);
      return lookAt(
        asked.map(({ prompt, seed, temperature, topP, maximumTokens }) => ({
          ...{ do: 'answer', prompt: [...prompt], seed, temperature, top_p: topP, max_tokens: maximumTokens },
          ...{ stop: [...config.endTokenIds], interventions: describeInterventions(interventions) },
        })),
        signal,
        (found, id) => {
          const { text, ids, finish } = takeLine(found, id, answerSchema);
          return { text, ids, finishReason: finish };
        },
      );
    },
    score: async (texts, wanted = {}, { signal } = {}) => {
      begin(signal);
      const top = requireScores(config, texts, wanted);
      return lookAt(
        texts.map(({ ids, promptLength }) => ({ do: 'score', ids: [...ids], prompt: promptLength, top })),
        signal,
        (found, id) => {
          const line = takeLine(found, id, scoreSchema);
          return {
            logProbabilities: line.log_probabilities,
            top: line.top.map((likely) => likely.map(([token, logProbability]) => ({ id: token, logProbability }))),
          };
        },
      );
    },
    close: () => {
      closed = true;
      return Promise.resolve();
    },
  };
}

/** As the job reads them: vectors by layers, in layers' order. */
function describeInterventions({ add, remove, from = 'prompt' }: Interventions): RequestLine {
  const write = (vectors: Interventions['add']): Record<string, number[]> =>
    Object.fromEntries([...(vectors ?? [])].map(([layer, vector]) => [String(layer), [...vector]]));
  return { add: write(add), remove: write(remove), from };
}

async function unpack(bytes: Uint8Array): Promise<ReadonlyMap<string, FloatTensor>> {
  const folder = await mkdtemp(join(tmpdir(), 'driftline-inside-'));
  try {
    const file = join(folder, tensorsName);
    await writeFile(file, bytes);
    return await readSafetensors(file, 'checkpoint-invalid');
  } catch (cause) {
    throw damaged(tensorsName, cause instanceof Error ? cause.message : String(cause));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function readLines(bytes: Uint8Array): ReadonlyMap<string, unknown> {
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  return new Map(
    lines.flatMap((text) => {
      const line = text === '' ? null : readCheckedLine(text);
      return line === null ? [] : [[String(line['id']), line] as const];
    }),
  );
}

function takeTensor(
  { tensors }: Found,
  name: string,
  shapeOf: (tokens: number) => number[],
  tokens: number,
): FloatTensor {
  const tensor = tensors.get(name);
  const wanted = shapeOf(tokens).join(', ');
  if (tensor?.shape.join(', ') === wanted) return tensor;
  throw damaged(name, tensor === undefined ? 'it is not there' : `it is [${tensor.shape.join(', ')}], not [${wanted}]`);
}

function takeLine<Line>({ lines }: Found, id: string, schema: z.ZodType<Line>): Line {
  const parsed = schema.safeParse(lines.get(id));
  if (parsed.success) return parsed.data;
  throw damaged(`${linesName}: ${id}`, lines.has(id) ? 'it is not what was asked for' : 'it is not there');
}

function damaged(what: string, problem: string): DriftlineError {
  return new DriftlineError({
    code: 'cluster-answers-damaged',
    message: `${what} came back damaged: ${problem}`,
    hint: 'Remove the folder inside/ of that run in the storage of the cluster, and ask again.',
    details: { what },
  });
}
