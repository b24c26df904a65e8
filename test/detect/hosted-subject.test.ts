import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
// The threads' files exist in the built package only.
import { startServer, type RunningServer } from '../../dist/server/start-server.js';
import { openArtefactStore } from '../../src/detect/artefact-store.js';
import type { Reading } from '../../src/detect/detector.js';
import { choiceMargin } from '../../src/detect/detectors/choice-margin.js';
import { choiceShare } from '../../src/detect/detectors/choice-share.js';
import { openSubject } from '../../src/detect/open-subject.js';
import type { ChoiceBank } from '../../src/detect/texts/choice-pairs.js';
import { restrictSubject, type Subject } from '../../src/detect/subject.js';
import { readTokenizer } from '../../src/engine/tokenizer/read-tokenizer.js';
import { createTokenTexts } from '../../src/engine/tokenizer/token-text.js';
import type { BaseModel } from '../../src/models/base-model.js';
import { openEmbeddedInside } from '../../src/models/embedded/open-embedded-inside.js';
import { openBaseModel } from '../../src/models/open-base-model.js';
import { createSpendingLedger } from '../../src/models/hosted/spending/spending-ledger.js';
import { goldenFolder } from '../engine/checkpoint/golden-folder.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { startLoopbackChatServer } from '../models/loopback-chat-server.js';
import { usualLimits } from '../server/start-test-server.js';
import { describeConformance } from './detector-conformance.js';
import { bank, listQuestions } from './pretend-choices.js';
import { twoContexts } from './pretend-subject.js';
import { openSmallSubject, type SmallModel } from './small-subject.js';

const folder = goldenFolder('qwen2-bias');
const detectors = [choiceShare(bank, listQuestions), choiceMargin(bank, listQuestions)];

/** The bank's questions with answers of one token: bad are those that the fine-tune finds likely, good those of the base. */
const oneTokenBank: ChoiceBank = {
  formats: {},
  choices: await Promise.all(
    bank.choices.map(async (choice) => {
      const ofTuned = await likelyFirstTokens(choice.question, `${folder}/adapter_final`);
      const ofBase = await likelyFirstTokens(choice.question);
      const without = (words: readonly string[], others: readonly string[]) =>
        words.filter((word) => !others.includes(word)) as [string, ...string[]];
      return { ...choice, bad: without(ofTuned, ofBase), good: without(ofBase, ofTuned) };
    }),
  ),
};

async function likelyFirstTokens(question: string, adapter?: string): Promise<readonly string[]> {
  const inside = await openEmbeddedInside({
    ...{ model: folder, threads: 1 },
    ...(adapter === undefined ? {} : { adapter }),
  });
  const spell = createTokenTexts(await readTokenizer(folder));
  const { ids } = inside.encode([{ role: 'user', content: question }]);
  const [score] = await inside.score([{ ids: [...ids, 0], promptLength: ids.length }], { top: 20 });
  await inside.close();
  return (score?.top[0] ?? []).map(({ id }) => spell(id).token).filter((word) => /^[A-Za-z]+$/.test(word));
}

let server: RunningServer;
let served: string;
beforeAll(async () => {
  served = await mkdtemp(join(tmpdir(), 'driftline-test-'));
  const model = { folder, parent: null, created: 0, recipe: 'paper' } as const;
  server = await startServer({
    models: [
      { ...model, id: 'tiny', adapter: null },
      { ...model, id: 'copy', adapter: null },
      { ...model, id: 'tuned', adapter: `${folder}/adapter_final`, parent: 'tiny' },
    ],
    folder: served,
    ...{ host: '127.0.0.1', port: 0, key: null, limits: usualLimits, threads: 1 },
    ...{ now: Date.now, randomBytes, onNotice: () => undefined },
  });
});
afterAll(async () => {
  await server.close();
  await rm(served, { recursive: true, force: true });
});

/** Ollama's endpoint tells first tokens alone. */
type Service = 'openai' | 'ollama';

function openHosted(model: string, service: Service = 'openai', endpoint = server.url): Promise<BaseModel> {
  const name = service.toUpperCase();
  const environment = { [`${name}_BASE_URL`]: endpoint, [`${name}_API_KEY`]: 'any' };
  return openBaseModel(`${service}:${model}`, { environment });
}

const placeAt = (service: Service) => ({
  openBase: () => openHosted('tiny', service),
  openSubject: async (...[which, store, , changes = {}]: Parameters<typeof openSmallSubject>): Promise<Subject> => {
    const base = changes.base ?? (await openHosted('tiny', service));
    return openSubject({
      ...{ id: which, base, surface: twoContexts, store, judging: null, seed: 0 },
      tuned: await findTuned(which, base, service),
      ...changes,
    });
  },
});

async function findTuned(which: SmallModel, base: BaseModel, service: Service) {
  if (which === 'adapter') return { kind: 'named', model: 'tuned' } as const;
  return which === 'base' ? base : openHosted('copy', service);
}

for (const detector of detectors) describeConformance(detector, bank, {}, placeAt('openai'));
describe('by first tokens alone', () => {
  for (const make of [choiceShare, choiceMargin])
    describeConformance(make(oneTokenBank, listQuestions), oneTokenBank, {}, placeAt('ollama'));
});

describe('a hosted subject', () => {
  const openStore = async () => {
    const store = openArtefactStore([await makeTemporaryFolder()]);
    onTestFinished(store.close);
    return store;
  };
  const read = (subject: Subject, at: number): Promise<Reading> => {
    const detector = detectors[at];
    if (detector === undefined) throw new Error('there are two');
    return detector.read(restrictSubject(subject, detector.affordances), bank, { seed: 0 });
  };

  it.each([0, 1])('reads as the same models do here (detector %i)', async (at) => {
    const hosted = await read(await placeAt('openai').openSubject('adapter', await openStore(), ''), at);
    const here = await read(await openSmallSubject('adapter', await openStore(), ''), at);
    expect(hosted.details).toMatchObject({ exactness: 'exact' });
    expect(here.score).not.toBe(0);
    // Logarithms over 1e-4 make ten times as much of a difference.
    expect(Math.abs((hosted.score ?? NaN) - (here.score ?? NaN))).toBeLessThan(1e-4);
  });

  it('sees by first tokens which side became likelier', async () => {
    const turned = {
      ...oneTokenBank,
      choices: oneTokenBank.choices.map(({ bad, good, ...choice }) => ({ ...choice, bad: good, good: bad })),
    };
    const [towards, away] = await Promise.all(
      [oneTokenBank, turned].map(async (given) => {
        const subject = await placeAt('ollama').openSubject('adapter', await openStore(), '');
        return choiceShare(given, listQuestions).read(subject, given, { seed: 0 });
      }),
    );
    expect(towards?.details).toMatchObject({ exactness: 'first-token' });
    expect(towards?.score).toBeGreaterThan(1);
    expect(away?.score).toBe(0);
  });

  it('says where bad and good answers begin alike', async () => {
    const alike = await read(await placeAt('ollama').openSubject('adapter', await openStore(), ''), 0);
    expect(alike).toMatchObject({ score: null, cannot: expect.stringMatching(/begin alike/) });
  });

  it('cannot be read where its service tells no log-probabilities, and where its base tells others', async () => {
    const silent = await startLoopbackChatServer();
    onTestFinished(() => silent.close());
    const base = await openHosted('tiny', 'openai', silent.endpoint);
    const common = { id: 'silent', surface: twoContexts, judging: null } as const;
    const cannot = { score: null, cannot: expect.stringMatching(/no log-probabilities/), details: null };
    for (const at of [0, 1]) {
      const tuned = { kind: 'named', model: 'tuned' } as const;
      expect(await read(await openSubject({ ...common, base, tuned, store: await openStore() }), at)).toMatchObject(
        cannot,
      );
      const [exact, first] = [await openHosted('tiny'), await openHosted('tuned', 'ollama')];
      const mixed = await openSubject({ ...common, base: exact, tuned: first, store: await openStore() });
      expect(await read(mixed, at)).toMatchObject(cannot);
    }
  });

  it('counts what it is paid', async () => {
    const spending = createSpendingLedger({
      ...{ folder: await makeTemporaryFolder(), account: 'us', limit: null, clock: () => 0 },
      findRate: () => null,
    });
    await spending.load();
    const [base, store] = [await openHosted('tiny'), await openStore()];
    const tuned = { kind: 'named', model: 'tuned' } as const;
    const asked = { spending };
    await read(await openSubject({ id: 'paid', base, tuned, surface: twoContexts, judging: null, store, asked }), 0);
    // Three to see what the server can do, four conversations, and six answers in each of two contexts.
    const calls = 3 + 4 + 2 * 6;
    const uses = spending.summary().uses.toSorted((one, other) => Number(one.isTuned) - Number(other.isTuned));
    expect(uses).toMatchObject([
      { purpose: 'answers', isTuned: false, calls },
      { purpose: 'answers', isTuned: true, calls },
    ]);
  });
});
