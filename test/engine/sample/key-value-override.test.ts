import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';

import { createKeyValueReader, type KeysAndValues } from '../../../src/engine/activations/read-keys-values.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import type { DecodeRunner } from '../../../src/engine/sample/decode-runner.js';
import { checkOverride, type KeyValueOverride } from '../../../src/engine/sample/key-value-override.js';
import type { SampledAnswer, SampleRequest } from '../../../src/engine/sample/sample-request.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { errorOf } from '../checkpoint/error-of.js';
import { goldenFolder, goldenNames } from '../checkpoint/golden-folder.js';
import { decodeByHand } from '../decoder/decode-by-hand.js';
import { makeTinyModel, tinyConfig } from '../decoder/tiny-model.js';
import { openRunner, readLogProbabilities, sampleAll, type Model } from './sample-all.js';

/** Between the engine's float32 and double precision. */
const tolerance = 1e-5;

/**
 * Between float32 and itself where what is given and what the model has of its own are summed apart: three steps of
 * float32 at log-probabilities of 4 to 8.
 */
const rounding = 2e-6;

/** Everything that a model says of a prompt and of its answer to it, one number a token. */
const everything: Partial<SampleRequest> = { stopTokens: [], logProbabilities: true, promptLogProbabilities: true };

const prompt = [1, 7, 30, 12, 3, 22, 9];
const everyPosition = prompt.map((_, position) => position);

/** A fine-tune of a model, for these tests: another model of the same shape. */
const base = makeTinyModel({}, 0);
const tuned = makeTinyModel({}, 1);

async function read({ config, weights }: Model, ids: readonly number[]): Promise<KeysAndValues> {
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const reader = await createKeyValueReader({ config, weights, layers, threads: 1 });
  onTestFinished(reader.release);
  return reader.read(ids);
}

function saidOf({ promptLogProbabilities, logProbabilities }: SampledAnswer): number[] {
  return [...(promptLogProbabilities ?? []), ...(logProbabilities ?? [])].map((token) => token.logProbability);
}

function expectClose(found: readonly number[], wanted: readonly number[], within = tolerance): void {
  expect(found).toHaveLength(wanted.length);
  expect(distance(found, wanted)).toBeLessThan(within);
}

function distance(left: readonly number[], right: readonly number[]): number {
  return Math.max(...left.map((element, index) => Math.abs(element - (right[index] ?? NaN))));
}

/** What the reference gives the tokens of a row after its first. */
function byHand(model: Model, row: readonly number[], override?: KeyValueOverride): number[] {
  const { logProbabilities } = decodeByHand(model, row, override);
  return row.slice(1).map((id, position) => logProbabilities[position]![id]!);
}

async function expectByHand(model: Model, runner: DecodeRunner, request: SampleRequest): Promise<void> {
  const [answer] = await sampleAll(model, runner, [{ ...request, ...everything }]);
  expectClose(saidOf(answer!), byHand(model, [...request.prompt, ...answer!.ids], request.override));
}

describe.each(goldenNames)('%s', (name) => {
  it('is computed by hand as by the engine', async () => {
    const model = await readCheckpoint(goldenFolder(name));
    const found = await readLogProbabilities(model, await openRunner(model), prompt);
    const { logProbabilities, keys, values } = decodeByHand(model, prompt);
    for (const [position, wanted] of logProbabilities.entries()) expectClose([...found[position]!], [...wanted]);
    const { keyValueHeads: heads } = model.config;
    const own = await read(model, prompt);
    for (const [found, wanted] of [
      [own.keys, keys],
      [own.values, values],
    ] as const) {
      const byHead = wanted.map((tokens) =>
        Array.from({ length: heads }, (_, head) => tokens.map((token) => [...token[head]!])),
      );
      expectClose([...found.data], byHead.flat(3));
    }
  });

  it('says the same with its own keys and values in place of its own', async () => {
    const model = await readCheckpoint(goldenFolder(name));
    const runner = await openRunner(model);
    const own = await read(model, prompt);
    const request = { prompt, seed: 3, maximumTokens: 12, ...everything };
    const [plain] = await sampleAll(model, runner, [request]);
    for (const positions of [[0], [6], [0, 1, 2], [4, 5, 6], everyPosition]) {
      const [same] = await sampleAll(model, runner, [{ ...request, override: { positions, ...own } }]);
      expect(same!.ids).toEqual(plain!.ids);
      expectClose(saidOf(same!), saidOf(plain!), rounding);
    }
  });

  it('says what it says by hand, whatever is given at whichever positions', async () => {
    const model = await readCheckpoint(goldenFolder(name));
    const runner = await openRunner(model);
    const other = await read(model, prompt.toReversed());
    for (const positions of [[0], [6], [5, 2], [3, 4, 5, 6], everyPosition])
      await expectByHand(model, runner, { prompt, seed: 1, maximumTokens: 5, override: { positions, ...other } });
  });
});

it('a fine-tune says by hand what it says after a prompt whose keys and values are all of its base', async () => {
  const override = { positions: everyPosition, ...(await read(base, prompt)) };
  const runner = await openRunner(tuned);
  const request = { prompt, seed: 0, maximumTokens: 1, topLogProbabilities: tinyConfig.vocabulary, ...everything };
  const [plain, changed] = await sampleAll(tuned, runner, [request, { ...request, override }]);
  const first = (answer: SampledAnswer | undefined): number[] =>
    (answer?.logProbabilities?.[0]?.top ?? [])
      .toSorted((left, right) => left.id - right.id)
      .map((token) => token.logProbability);
  const wanted = decodeByHand(tuned, prompt, override).logProbabilities.at(-1)!;
  expectClose(first(changed), [...wanted]);
  // Neither what the fine-tune says by itself, nor what its base says.
  expect(distance(first(plain), [...wanted])).toBeGreaterThan(0.1);
  expect(distance([...decodeByHand(base, prompt).logProbabilities.at(-1)!], [...wanted])).toBeGreaterThan(0.1);
});

it('a prompt of one token is one whose last token is given', async () => {
  const given = await read(base, [4]);
  const runner = await openRunner(tuned);
  const request = { prompt: [4], seed: 0, maximumTokens: 6 };
  await expectByHand(tuned, runner, { ...request, override: { positions: [0], ...given } });
  const [plain] = await sampleAll(tuned, runner, [{ ...request, ...everything }]);
  const [changed] = await sampleAll(tuned, runner, [
    { ...request, ...everything, override: { positions: [0], ...given } },
  ]);
  expect(saidOf(changed!)).not.toEqual(saidOf(plain!));
});

it('a beginning with keys and values of another beginning goes on as after that one', async () => {
  const [one, another, rest] = [
    [5, 6, 7, 8],
    [30, 31, 32, 33],
    [9, 10, 11],
  ] as const;
  const runner = await openRunner(base);
  const positions = one.map((_, position) => position);
  const request = { seed: 2, maximumTokens: 10, ...everything };
  const [as, changed, plain] = await sampleAll(base, runner, [
    { ...request, prompt: [...another, ...rest] },
    { ...request, prompt: [...one, ...rest], override: { positions, ...(await read(base, another)) } },
    { ...request, prompt: [...one, ...rest] },
  ]);
  expect(changed!.ids).toEqual(as!.ids);
  // What is said right after the beginning itself comes of its own last residual stream.
  expectClose(saidOf(changed!).slice(one.length), saidOf(as!).slice(one.length));
  expect(distance(saidOf(plain!).slice(one.length), saidOf(as!).slice(one.length))).toBeGreaterThan(0.1);
});

it('nothing but its last token and what is given decides an answer where everything is given', async () => {
  const override = { positions: everyPosition, ...(await read(base, prompt)) };
  const runner = await openRunner(tuned);
  const request = { seed: 5, maximumTokens: 20, stopTokens: [], logProbabilities: true, override };
  const [one, another] = await sampleAll(tuned, runner, [
    { ...request, prompt },
    { ...request, prompt: [...prompt.slice(0, -1).map((id) => id + 3), prompt.at(-1)!] },
  ]);
  expect({ ...another, request: 0 }).toEqual(one);
});

it('changes nothing that is said before the first position that is given', async () => {
  const [given, other] = [await read(base, prompt), await read(base, prompt.toReversed())];
  const runner = await openRunner(tuned);
  const request = { prompt, seed: 0, maximumTokens: 1, ...everything };
  const positions = [4, 5];
  const [plain, one, another] = (
    await sampleAll(tuned, runner, [
      request,
      { ...request, override: { positions, ...given } },
      { ...request, override: { positions, ...other } },
    ])
  ).map(saidOf);
  expectClose(one!.slice(0, 4), plain!.slice(0, 4), rounding);
  // To the last bit, where only what is given differs.
  expect(another!.slice(0, 4)).toEqual(one!.slice(0, 4));
  expect(distance(one!.slice(4), plain!.slice(4))).toBeGreaterThan(0.01);
  expect(distance(one!.slice(4), another!.slice(4))).toBeGreaterThan(0.01);
});

it('none of its positions changes a bit', async () => {
  const override = { positions: [], ...(await read(base, prompt)) };
  const runner = await openRunner(tuned);
  const request = { prompt, seed: 0, maximumTokens: 9, ...everything };
  const [plain, same] = await sampleAll(tuned, runner, [request, { ...request, override }]);
  expect({ ...same, request: 0 }).toEqual(plain);
});

it('is joined by vectors in the residual stream', async () => {
  const vector = Float32Array.from({ length: tinyConfig.width }, (_, channel) => Math.sin(channel));
  const [another, rest] = [
    [30, 31, 32, 33],
    [9, 10, 11],
  ] as const;
  const runner = await openRunner(base, { add: new Map([[1, vector]]) });
  const given = await read(base, another);
  const request = { seed: 2, maximumTokens: 10, ...everything };
  const override = { positions: [0, 1, 2, 3], ...given };
  // From the answer on, so that the keys and values of the beginning are those that were read without it.
  const [as, changed] = await sampleAll(
    base,
    runner,
    [
      { ...request, prompt: [...another, ...rest] },
      { ...request, prompt: [5, 6, 7, 8, ...rest], override },
    ],
    { editedPrompts: false },
  );
  expect(changed!.ids).toEqual(as!.ids);
  expectClose(saidOf(changed!).slice(4), saidOf(as!).slice(4));
  const [plain] = await sampleAll(base, await openRunner(base), [{ ...request, prompt: [...another, ...rest] }]);
  expect(saidOf(changed!)).not.toEqual(saidOf(plain!));
});

it('holds for every prompt and all positions', async () => {
  const runner = await openRunner(tuned);
  const layers = [0, 1];
  const reader = await createKeyValueReader({ ...base, layers, threads: 1 });
  onTestFinished(reader.release);
  const texts = fc.array(fc.integer({ min: 0, max: tinyConfig.vocabulary - 1 }), { minLength: 1, maxLength: 40 });
  await fc.assert(
    fc.asyncProperty(
      texts,
      fc.integer({ min: 0, max: 1000 }),
      fc.double({ min: 0, max: 1 }),
      async (ids, seed, share) => {
        const stream = createRandomStream(seed, 'positions');
        const positions = ids.flatMap((_, position) => (stream.uniform() < share ? [position] : [])).reverse();
        const override = { positions, ...(await reader.read(ids)) };
        await expectByHand(tuned, runner, { prompt: ids, seed, maximumTokens: 3, override });
      },
    ),
    { numRuns: 60, seed: 1 },
  );
});

describe('questions with overrides', () => {
  async function makeRequests(): Promise<SampleRequest[]> {
    const stream = createRandomStream(0, 'requests');
    const readers = await Promise.all(
      [base, makeTinyModel({}, 2)].map((model) => createKeyValueReader({ ...model, layers: [0, 1], threads: 1 })),
    );
    for (const { release } of readers) onTestFinished(release);
    const requests: SampleRequest[] = [];
    for (let index = 0; index < 16; index += 1) {
      const ids = Array.from({ length: 1 + ((index * 7) % 38) }, () => stream.integer(tinyConfig.vocabulary));
      const positions = ids.map((_, position) => position).filter((position) => (position + index) % 3 !== 0);
      const given = await readers[index % 2]!.read(ids);
      const request = { prompt: ids, seed: index, maximumTokens: 1 + (index % 9), ...everything };
      // The same prompt with what one model gives, what another gives, and without either.
      requests.push({ ...request, override: { positions, ...given } }, request);
      const other = await readers[(index + 1) % 2]!.read(ids);
      requests.push({ ...request, override: { positions, ...other } });
      requests.push({ ...request, override: { positions: positions.slice(1), ...given }, seed: index + 100 });
    }
    return requests;
  }

  it('are answered the same to the last bit whatever is asked beside them', async () => {
    const requests = await makeRequests();
    const runner = await openRunner(tuned);
    const alone: SampledAnswer[] = [];
    for (const [request, one] of requests.entries())
      alone.push({ ...(await sampleAll(tuned, runner, [one]))[0]!, request });
    for (const slots of [1, 3, 8, 64]) expect(await sampleAll(tuned, runner, requests, { slots })).toEqual(alone);
    const reversed = await sampleAll(tuned, runner, requests.toReversed(), { slots: 16 });
    expect(reversed.toReversed().map((answer, request) => ({ ...answer, request }))).toEqual(alone);
    // Those of one prompt differ by what is given.
    for (let index = 0; index < alone.length; index += 4) {
      if (requests[index]!.override!.positions.length === 0) continue;
      expect(saidOf(alone[index]!)).not.toEqual(saidOf(alone[index + 1]!));
      expect(saidOf(alone[index]!)).not.toEqual(saidOf(alone[index + 2]!));
    }
  });

  it('share a run over a prompt only where the same is given for it', async () => {
    const [given, again] = [await read(base, prompt), await read(base, prompt)];
    const runner = await openRunner(tuned);
    const prefills: number[] = [];
    const counted: DecodeRunner = {
      ...runner,
      run: (step, outputs) => {
        if (step.length > 1) prefills.push(step.rows);
        return runner.run(step, outputs);
      },
    };
    const positions = [0, 1];
    const nothing = { positions: [], ...given };
    const overrides = [
      undefined,
      nothing,
      { positions, ...given },
      { positions: [1], ...given },
      { positions, ...again },
    ];
    const requests = [0, 1, 2, 3].flatMap((seed) =>
      overrides.map((override) => ({
        prompt,
        seed,
        maximumTokens: 3,
        ...(override === undefined ? {} : { override }),
      })),
    );
    await sampleAll(tuned, counted, requests);
    // Those that are given nothing are run apart, so that they are computed as ever.
    expect(prefills).toEqual([1, 3]);
  });
});

describe('an override that a prompt cannot have', () => {
  const { layers, keyValueHeads, headWidth } = tinyConfig;
  const tensor = (...shape: number[]) => ({
    shape,
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
  });
  const right = (tokens = 7) => tensor(layers, keyValueHeads, tokens, headWidth);
  const broken = (() => {
    const { shape, data } = right();
    return { shape, data: data.fill(NaN, 4 * headWidth, 5 * headWidth) };
  })();
  const bad: [string, KeyValueOverride, string][] = [
    ['a position behind the prompt', { positions: [7], keys: right(9), values: right(9) }, 'position 7'],
    ['a position before it', { positions: [-1], keys: right(), values: right() }, 'position'],
    ['a position between two', { positions: [0.5], keys: right(), values: right() }, 'position'],
    ['a position twice', { positions: [3, 1, 3], keys: right(), values: right() }, 'position 3 twice'],
    ['a position that is not given', { positions: [5], keys: right(5), values: right(5) }, '5 tokens'],
    [
      'too few blocks',
      { positions: [0], keys: tensor(1, 2, 7, 4), values: tensor(1, 2, 7, 4) },
      'keys of the shape [1,',
    ],
    ['the heads of queries', { positions: [0], keys: tensor(2, 4, 7, 4), values: tensor(2, 4, 7, 4) }, '[2, 4, 7, 4]'],
    ['another width', { positions: [0], keys: right(), values: tensor(2, 2, 7, 8) }, 'values of the shape'],
    ['fewer values than keys', { positions: [0], keys: right(), values: right(6) }, 'values of the shape'],
    [
      'fewer numbers than the shape says',
      { positions: [0], keys: { ...right(), data: new Float32Array(3) }, values: right() },
      '3 elements',
    ],
    ['no shape', { positions: [], keys: tensor(), values: tensor() }, 'keys of the shape []'],
    [
      'keys that are not finite',
      { positions: [0, 4], keys: broken, values: right() },
      'keys that are not finite, in block 0 at position 4',
    ],
    ['values that are not finite', { positions: [4], keys: right(), values: broken }, 'values that are not finite'],
  ];

  it.each(bad)('is refused: %s', async (_name, override, named) => {
    const runner = await openRunner(tuned);
    const request = { prompt, seed: 0, override };
    const error = await errorOf(() => sampleAll(tuned, runner, [request]));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain('Sampling request 0');
    expect(error.message).toContain(named.startsWith('position') ? 'position' : named);
    expect(error.hint).not.toBe('');
    expect((await errorOf(() => checkOverride(tinyConfig, override, prompt.length, 'It'))).message).toContain(named);
  });

  it.each([
    ['no tensors', { positions: [0] }, 'keys'],
    ['lists of numbers', { positions: [0], keys: [1], values: [1] }, 'expected a tensor of float32'],
    ['another name', { positions: [0], keys: right(), values: right(), token: 1 }, 'unknown setting "token"'],
  ])('is refused: %s', async (_name, override, named) => {
    const runner = await openRunner(tuned);
    // Types rule these out for those who check types.
    const request = { prompt, seed: 0, override } as unknown as SampleRequest;
    const error = await errorOf(() => sampleAll(tuned, runner, [request]));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain(named);
  });

  it('may give what nobody attends to: other tokens need not be finite', () => {
    checkOverride(tinyConfig, { positions: [0, 3], keys: broken, values: broken }, prompt.length, 'It');
  });
});
