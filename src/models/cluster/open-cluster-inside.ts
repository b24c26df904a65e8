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
import { explainFailedJob, explainJobFault, parseFault, type FaultyWork } from './explain-fault.js';
import { cellHash, insideJobId } from './job-ids.js';
import type { ArchiveFiles } from './zip-archive.js';

export interface ClusterInsideSettings {
  readonly cluster: ClusterRun;
  readonly model: ClusterModel;
  /** An adapter as the cluster calls it, and its files where that does not have it. */
  readonly adapter: { readonly name: string | null; readonly files: ArchiveFiles };
}

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
/** Jobs that end without a word are made anew so often. */
const fruitlessJobs = 3;
const faultCode = 3;

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
    const id = insideJobId(hash);
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
    const work: FaultyWork = {
      ...{ job: id, address: ray.address, recipe: null, model: model.text, isWhole: 'cell' in model.job },
      ...{ storage: settings.storage, python: settings.python },
    };
    for (let attempt = 1; ; attempt += 1) {
      await (attempt === 1 ? submit(false) : cluster.patiently(() => submit(true), signal));
      const { status } = await watcher.follow({ kind: 'inside', name: hash, job: id, ...stopping });
      const found = await cluster.patiently(async () => {
        const wayBack = await cluster.wayBack(signal);
        const done = await readDoneIn(wayBack, home, mark, signal);
        if (done === null) return null;
        const fetch = (name: string): Promise<Uint8Array> =>
          readWhole(wayBack, `${home}/${name}`, done.files[name], signal);
        return { tensors: await fetch(tensorsName), lines: await fetch(linesName) };
      }, signal);
      if (found !== null) return { tensors: await unpack(found.tensors), lines: readLines(found.lines) };
      const failed = status === 'FAILED' ? await ray.find(id, signal) : null;
      if (failed?.driver_exit_code === faultCode) {
        const wayBack = await cluster.wayBack(signal);
        const fault = await wayBack.read(`${home}/fault.json`, { purpose: 'done', signal });
        if (fault !== null) throw explainJobFault(parseFault(fault), work);
      }
      if (attempt < fruitlessJobs) continue;
      if (failed !== null) throw explainFailedJob(failed, work);
      const message = `it ended ${String(attempt)} times, and left nothing: ${String(status)}`;
      throw explainJobFault({ kind: 'other', message }, work);
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
