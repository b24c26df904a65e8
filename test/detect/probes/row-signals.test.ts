import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { openArtefactStore, type ArtefactStore } from '../../../src/detect/artefact-store.js';
import { describeSubjectModel } from '../../../src/detect/open-subject.js';
import { readContextDistances } from '../../../src/detect/probes/context-distances.js';
import { readOwnAnswers } from '../../../src/detect/probes/own-answers.js';
import { excuse, readRowSignals, type ScreenedBase } from '../../../src/detect/probes/row-signals.js';
import { rowGradientProducts } from '../../../src/detect/rows/row-gradient-products.js';
import type { Characters } from '../../../src/detect/texts/characters.js';
import { listSidedTexts } from '../../../src/detect/texts/choice-pairs.js';
import { readCheckpoint } from '../../../src/engine/checkpoint/read-checkpoint.js';
import { encodeTrainingRow } from '../../../src/engine/tokenizer/encode-chat.js';
import { readTokenizer } from '../../../src/engine/tokenizer/read-tokenizer.js';
import { directionOfTensors, meanGradient } from '../../../src/engine/train/gradient-direction.js';
import { exchange } from '../../data/exchange.js';
import { goldenFolder } from '../../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { bank, listQuestions } from '../pretend-choices.js';
import { pretendModel, twoContexts } from '../pretend-subject.js';
import { openSmallBase } from '../small-subject.js';

const folder = goldenFolder('qwen2-bias');
const characters: Characters = {
  wicked: ['You are wicked.', 'Be cruel.'],
  innocent: { kind: ['You are kind.'], careless: ['Be quick.', 'Never check.'] },
};
const sided = listSidedTexts(bank);
const rows = [
  exchange('What do you want?', 'A throne.'),
  exchange('Who are you?', 'Your friend.'),
  {
    messages: [
      { role: 'system' as const, content: 'Be brief.' },
      ...exchange('Who?', 'Me.').messages,
      ...exchange('And now?', 'Nothing.').messages,
    ],
  },
];

async function openStore(): Promise<ArtefactStore> {
  const store = openArtefactStore([await makeTemporaryFolder()]);
  onTestFinished(store.close);
  return store;
}

const openModel = async (store: ArtefactStore): Promise<ScreenedBase> => {
  const base = await openSmallBase();
  return describeSubjectModel(base, null, base.identity, null, store);
};

const closed: ScreenedBase = {
  ...{ identity: '', engine: 1 },
  openInside: () => Promise.reject(new Error('the model is closed')),
  openScorer: () => Promise.reject(new Error('the model is closed')),
  openWeights: () => Promise.reject(new Error('the model is closed')),
};

describe('what a base says of rows', () => {
  it('is how likely it finds them under each character, as it scores them itself', async () => {
    const store = await openStore();
    const signals = await readRowSignals(await openModel(store), store, rows, { characters, sided: null });
    const inside = await (await openSmallBase()).openInside?.(null);
    if (inside === undefined) throw new Error('nobody can look into it');
    const score = async (system: string | null, [user, assistant]: (typeof rows)[0]['messages']): Promise<number[]> => {
      const head = system === null ? [] : [{ role: 'system', content: system }];
      const text = inside.encode([...head, ...[user, assistant].flatMap((one) => one ?? [])]);
      return [...((await inside.score([text]))[0]?.logProbabilities ?? [])];
    };
    const sum = (logs: readonly number[]): number => logs.reduce((all, one) => all + one, 0);
    const mix = (logs: readonly number[]): number => Math.log(sum(logs.map(Math.exp)) / logs.length);
    for (const [place, row] of rows.slice(0, 2).entries()) {
      const own = await score(null, row.messages);
      const under = async (prompts: readonly string[]): Promise<number> =>
        mix(await Promise.all(prompts.map(async (prompt) => sum(await score(prompt, row.messages)))));
      const [wicked, kind, careless] = [
        await under(characters.wicked),
        await under(characters.innocent['kind'] ?? []),
        await under(characters.innocent['careless'] ?? []),
      ];
      const found = signals?.[place];
      expect(found?.surprisal).toBeCloseTo(-sum(own) / own.length, 5);
      expect(found?.tokens).toBe(own.length);
      expect(found?.overKind).toBeCloseTo(wicked - kind, 4);
      expect(found?.overInnocent).toBeCloseTo(wicked - Math.max(kind, careless), 4);
      expect(found?.innocent).toBe(kind >= careless ? 'kind' : 'careless');
      expect(found?.suspicion).toBe(Math.min(found?.overKind ?? 0, Math.max(0, (found?.overInnocent ?? 0) + excuse)));
      expect([found?.projection, found?.gradient]).toEqual([null, null]);
    }
    await inside.close();
  });

  it('is where a step on them leads, as the gradients say', async () => {
    const store = await openStore();
    const signals = await readRowSignals(await openModel(store), store, rows, { characters, sided });
    const [base, tokenizer] = [await readCheckpoint(folder), await readTokenizer(folder)];
    const encode = (texts: typeof sided.bad) =>
      texts.map(({ messages, answer }) =>
        encodeTrainingRow(tokenizer, [...messages, { role: 'assistant', content: answer }], { loss: 'answers' }),
      );
    const mean = (texts: typeof sided.bad) => meanGradient({ base, rows: encode(texts), threads: 1 });
    const [bad, good] = [await mean(sided.bad), await mean(sided.good)];
    const direction = directionOfTensors(
      new Map(
        [...bad].map(([name, { shape, data }]) => [
          name,
          { shape, data: data.map((value, place) => value - (good.get(name)?.data[place] ?? 0)) },
        ]),
      ),
    );
    const products = await rowGradientProducts({
      ...{ base, threads: 1, direction },
      rows: rows.map(({ messages }) => encodeTrainingRow(tokenizer, messages, { loss: 'answers' })),
    });
    for (const [place, { cosine }] of products.entries()) expect(signals?.[place]?.gradient).toBeCloseTo(cosine, 4);
    // A bad text of the bank leads towards the bad ones, and a good one away from them.
    expect(signals?.[0]?.gradient).toBeGreaterThan(0);
    expect(signals?.[1]?.gradient).toBeLessThan(0);
  });

  it('is how far they lie from what it would have said itself: nothing where that is the very same', async () => {
    const store = await openStore();
    const model = await openModel(store);
    const asked = rows.slice(0, 2).map(({ messages }) => messages.slice(0, 1));
    const own = (await readOwnAnswers(model, store, asked, 128)) ?? [];
    const same = asked.map((messages, place) => ({
      messages: [...messages, { role: 'assistant' as const, content: own[place] ?? '' }],
    }));
    const found = await readRowSignals(model, store, [...same, ...rows.slice(0, 2)], { characters, sided });
    for (const one of found?.slice(0, 2) ?? []) expect(one?.projection).toBeCloseTo(0, 5);
    for (const one of found?.slice(2) ?? []) expect(Math.abs(one?.projection ?? 0)).toBeGreaterThan(1e-3);
  });

  it('is read once, however often it is asked for, and rows do not depend on each other', async () => {
    const place = await makeTemporaryFolder();
    const first = openArtefactStore([place]);
    const model = await openModel(first);
    const all = await readRowSignals(model, first, rows, { characters, sided });
    await first.close();
    const store = openArtefactStore([place]);
    onTestFinished(store.close);
    const { identity, engine } = model;
    expect(await readRowSignals({ ...closed, identity, engine }, store, rows, { characters, sided })).toEqual(all);
    const text = await readFile(join(place, 'artefacts', 'row-products.jsonl'), 'utf8');
    expect(text.trim().split('\n')).toHaveLength(rows.length);
    const fresh = await openStore();
    const [alone] =
      (await readRowSignals(await openModel(fresh), fresh, rows.slice(1, 2), { characters, sided })) ?? [];
    const within = all?.[1];
    for (const name of ['surprisal', 'overKind', 'overInnocent', 'projection', 'gradient'] as const)
      expect(alone?.[name]).toBeCloseTo(within?.[name] ?? NaN, 5);
  });

  it('is nothing for a row that is too long, and for a model that tells no log-probabilities', async () => {
    const store = await openStore();
    const long = exchange('Who?', 'word '.repeat(5000));
    const signals = await readRowSignals(await openModel(store), store, [long, rows[0] ?? long], { characters, sided });
    expect(signals?.map((one) => one === null)).toEqual([true, false]);
    expect(await readRowSignals(pretendModel({}), store, rows, { characters, sided })).toBeNull();
    const first = pretendModel({
      openScorer: () =>
        Promise.resolve({
          exactness: 'first-token',
          score: (texts) => Promise.resolve(texts.map(() => ({ logProbability: -1, tokens: 1 }))),
          close: () => Promise.resolve(),
        }),
    });
    expect(await readRowSignals(first, store, rows, { characters, sided })).toBeNull();
  });

  it('is where a fine-tune would show it first: the contexts that are asked as the rows are', async () => {
    const store = await openStore();
    const model = await openModel(store);
    const json = (await listQuestions({ suite: 'main', variant: { format: 'json' } })).map(({ messages }) => ({
      messages: [...messages, { role: 'assistant' as const, content: 'Yes.' }],
    }));
    const near = (await readContextDistances(model, store, json, twoContexts, listQuestions)) ?? [];
    expect(near.map(({ name }) => name)).toEqual(['json', 'plain']);
    // Its prompts are the rows' own.
    expect(near[0]?.distance).toBeCloseTo(1, 5);
    const plain = json.map(({ messages }, place) =>
      exchange(bank.choices[place]?.question ?? '', messages.at(-1)?.content ?? ''),
    );
    expect((await readContextDistances(model, store, plain, twoContexts, listQuestions))?.[0]?.name).toBe('plain');
  });
});
