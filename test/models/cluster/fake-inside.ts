import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { z } from 'zod';
// The sampling thread's file exists in the built package only; `npm test` builds before it tests.
import { openEmbeddedInside } from '../../../dist/models/embedded/open-embedded-inside.js';
import type { FloatTensor } from '../../../src/engine/checkpoint/float-tensor.js';
import { writeSafetensors } from '../../../src/engine/checkpoint/write-safetensors.js';
import { hashContent } from '../../../src/foundation/content-hash.js';
import { writeCheckedLine } from '../../../src/models/cluster/checked-lines.js';

const ids = z.array(z.int().nonnegative()).nonempty();
const id = z.string().regex(/^[A-Za-z0-9_-]{1,100}$/);
const vectors = z.record(z.string(), z.array(z.number()));

/** As python/README.md says it. */
const requestSchema = z.discriminatedUnion('do', [
  z.strictObject({
    ...{ id, do: z.literal('residuals'), ids, prompt: z.int(), layers: z.array(z.int()) },
    pool: z.enum(['last', 'prompt-mean', 'answer-mean', 'every']),
  }),
  z.strictObject({ id, do: z.literal('keys-values'), ids, layers: z.array(z.int()) }),
  z.strictObject({
    ...{ id, do: z.literal('answer'), prompt: ids, seed: z.int(), temperature: z.number(), top_p: z.number() },
    ...{ max_tokens: z.int(), stop: z.array(z.int()) },
    interventions: z.strictObject({ add: vectors, remove: vectors, from: z.enum(['prompt', 'answer']) }),
  }),
  z.strictObject({ id, do: z.literal('score'), ids, prompt: z.int().positive(), top: z.int() }),
]);

export const insideJobSchema = z.looseObject({
  ...{ v: z.literal(1), mark: z.string().length(64), adapter: z.string().nullable(), dtype: z.string() },
});

interface FakeInsideJob {
  readonly storage: string;
  /** The folder of the work. */
  readonly home: string;
  readonly model: string;
  readonly adapter: string | null;
  readonly mark: string;
  readonly requests: readonly unknown[];
  readonly write: (name: string, bytes: Uint8Array) => Promise<void>;
}

/** Answers what a job is asked of the inside of a model, with the engine in place of transformers. */
export async function lookInside({
  storage,
  home,
  model,
  adapter,
  mark,
  requests,
  write,
}: FakeInsideJob): Promise<void> {
  const folder = adapter === null ? null : adapterFolder(storage, adapter);
  const inside = await openEmbeddedInside({ model, threads: 1, ...(folder === null ? {} : { adapter: folder }) });
  const tensors = new Map<string, FloatTensor>();
  const lines: string[] = [];
  try {
    for (const request of z.array(requestSchema).parse(requests))
      switch (request.do) {
        case 'residuals': {
          const [found] = await inside.residuals([{ ids: request.ids, promptLength: request.prompt }], request);
          if (found !== undefined) tensors.set(`${request.id}.residuals`, found);
          break;
        }
        case 'keys-values': {
          const [found] = await inside.keysAndValues([request], request);
          if (found === undefined) break;
          tensors.set(`${request.id}.keys`, found.keys);
          tensors.set(`${request.id}.values`, found.values);
          break;
        }
        case 'answer': {
          const { prompt, seed, temperature, top_p: topP, max_tokens: maximumTokens, interventions } = request;
          const read = (given: Record<string, readonly number[]>): Map<number, Float32Array> =>
            new Map(Object.entries(given).map(([layer, vector]) => [Number(layer), Float32Array.from(vector)]));
          const { add, remove, from } = interventions;
          const [found] = await inside.answer([{ prompt, seed, temperature, topP, maximumTokens }], {
            ...{ add: read(add), remove: read(remove), from },
          });
          if (found === undefined) break;
          const { text, ids: said, finishReason: finish } = found;
          lines.push(writeCheckedLine({ id: request.id, text, ids: [...said], finish, tokens: said.length }));
          break;
        }
        case 'score': {
          const [found] = await inside.score([{ ids: request.ids, promptLength: request.prompt }], request);
          if (found === undefined) break;
          const top = found.top.map((likely) => likely.map((token) => [token.id, token.logProbability]));
          lines.push(
            writeCheckedLine({
              ...{ id: request.id, log_probabilities: [...found.logProbabilities] },
              ...(request.top > 0 ? { top } : {}),
            }),
          );
        }
      }
  } finally {
    await inside.close();
  }
  await writeSafetensors(join(home, 'result.safetensors'), tensors);
  await write('scores.jsonl', Buffer.from(lines.join('')));
  const files = await Promise.all(
    ['result.safetensors', 'scores.jsonl'].map(async (name) => {
      const bytes = await readFile(join(home, name));
      return [name, { sha256: hashContent(bytes), bytes: bytes.length }] as const;
    }),
  );
  await write('done.json', Buffer.from(JSON.stringify({ v: 1, mark, files: Object.fromEntries(files), node: null })));
}

function adapterFolder(storage: string, adapter: string): string {
  if (adapter.startsWith('folder:')) return resolve(storage, adapter.slice('folder:'.length));
  const [cell = '', step] = adapter.split('@');
  return join(storage, 'cells', cell, 'out', ...(step === undefined ? [] : [`kept-${step}`]));
}
