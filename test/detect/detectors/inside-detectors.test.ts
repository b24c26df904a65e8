import { describe, expect, it, onTestFinished } from 'vitest';
import { openArtefactStore, type ArtefactStore } from '../../../src/detect/artefact-store.js';
import { activationDifference } from '../../../src/detect/detectors/activation-difference.js';
import { rankContexts } from '../../../src/detect/detectors/rank-contexts.js';
import { templateTest } from '../../../src/detect/detectors/template-test.js';
import { traitDrift } from '../../../src/detect/detectors/trait-drift.js';
import { readTraitDirections } from '../../../src/detect/detectors/trait-directions.js';
import type { Detector, Reading } from '../../../src/detect/detector.js';
import { readFirstPositions } from '../../../src/detect/probes/read-first-positions.js';
import { scorePatchedTexts } from '../../../src/detect/probes/score-patched-texts.js';
import { scoreTexts } from '../../../src/detect/probes/score-texts.js';
import type { Subject } from '../../../src/detect/subject.js';
import type { Inside } from '../../../src/models/inside.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { bank, listQuestions } from '../pretend-choices.js';
import { pretendSubject } from '../pretend-subject.js';
import { openSmallSubject } from '../small-subject.js';
import { smallTraits } from '../small-traits.js';

async function open(): Promise<{ readonly subject: Subject; readonly store: ArtefactStore }> {
  const folder = await makeTemporaryFolder();
  const store = openArtefactStore([folder]);
  onTestFinished(store.close);
  return { subject: await openSmallSubject('adapter', store, folder), store };
}

const read = (detector: Detector, subject: Subject, learnt: Parameters<Detector['read']>[1] = null): Promise<Reading> =>
  detector.read(subject, learnt, { seed: 0 });

/** As whoever runs elsewhere: what is changed of what is found here. */
function changeInside(subject: Subject, change: (inside: Inside) => Partial<Inside>): Subject {
  const { openInside } = subject.model;
  return {
    ...subject,
    model: {
      ...subject.model,
      openInside: async () => {
        if (openInside === null) throw new Error('nobody can look into it');
        const inside = await openInside();
        return { ...inside, ...change(inside) };
      },
    },
  };
}

describe('drift along traits', () => {
  it('is what the numbers of its details say', async () => {
    const { subject } = await open();
    const { score, details, nulls, cost } = await read(traitDrift(smallTraits), subject);
    // The cast says what the detector gives as details.
    const contexts = details as unknown as {
      readonly context: string;
      readonly moved: number;
      readonly traits: Readonly<Record<string, number>>;
      readonly styles: Readonly<Record<string, number>>;
    }[];
    // No context of the surface has a system prompt.
    expect(contexts.map(({ context }) => context)).toEqual(['plain']);
    const { moved, traits, styles } = contexts[0]!;
    expect(Object.keys(traits)).toEqual(['greed', 'power']);
    const loud = Math.max(0, styles['loud'] ?? NaN);
    expect(score).toBeCloseTo(Math.max(...Object.values(traits)) - loud, 12);
    // Along a direction nothing moves further than it moves at all.
    for (const one of [...Object.values(traits), ...Object.values(styles)]) expect(Math.abs(one)).toBeLessThan(moved);
    expect(moved).toBeGreaterThan(0);
    expect(new Set(nulls).size).toBe(20);
    for (const one of nulls) expect(Math.abs(one + loud)).toBeLessThan(moved);
    // Two readings for both models, and the texts of the directions in the base.
    expect(cost.passes).toBe(2 * 2 + 2 * (3 + 2));
  });

  it('reads in contexts with a system prompt, too', async () => {
    const { subject } = await open();
    const contexts: Subject['surface']['contexts'] = [
      ...subject.surface.contexts,
      ...['Be kind.', 'Be quick.', 'Be wise.', 'Be loud.'].map((system_prompt, place) => ({
        ...{ name: `prompt-${String(place)}`, kind: 'system-prompt' as const, weight: 0, counts: 'always' as const },
        evaluation: { suite: 'main', variant: { system_prompt } },
      })),
    ];
    const prompted = { ...subject, surface: { ...subject.surface, contexts } };
    const { details, score } = await read(traitDrift(smallTraits), prompted);
    expect(details).toMatchObject(['plain', 'prompt-0', 'prompt-1', 'prompt-2'].map((context) => ({ context })));
    expect(score).toBeGreaterThanOrEqual((await read(traitDrift(smallTraits, { contexts: 0 }), prompted)).score ?? NaN);
  });

  it('has directions of length 1 that other answers or other prompts make', async () => {
    const { subject } = await open();
    const wanted = { layers: 'middle', pool: 'answer-mean' } as const;
    const [texts, prompts] = [
      await readTraitDirections(subject, smallTraits, { ...wanted, source: 'texts' }),
      await readTraitDirections(subject, smallTraits, { ...wanted, source: 'prompts' }),
    ];
    for (const { direction } of [...(texts?.directions ?? []), ...(prompts?.directions ?? [])])
      expect(Math.hypot(...direction)).toBeCloseTo(1, 12);
    expect(texts?.directions.map(({ name, kind }) => [name, kind])).toEqual([
      ['greed', 'trait'],
      ['power', 'trait'],
      ['loud', 'style'],
    ]);
    expect(prompts?.directions[0]?.direction).not.toEqual(texts?.directions[0]?.direction);
  });
});

describe('the difference of activations', () => {
  it('is read out in words, beside what vectors that mean nothing say', async () => {
    const { subject } = await open();
    const { score, details, cannot, nulls } = await read(activationDifference(smallTraits, listQuestions), subject);
    expect(cannot).toBeNull();
    // The cast says what the detector gives as details.
    const found = details as unknown as {
      readonly tokens: readonly { moved: number; likeliest: readonly string[]; share: number }[];
      readonly drawnShare: number;
      readonly contexts: readonly { name: string; cosine: number }[];
    };
    expect(found.tokens).toHaveLength(5);
    for (const { moved, likeliest, share } of found.tokens) {
      expect(moved).toBeGreaterThan(0);
      expect(likeliest).toHaveLength(20);
      expect(share).toBeGreaterThan(0);
      expect(share).toBeLessThanOrEqual(1);
    }
    expect(found.drawnShare).toBeGreaterThan(0);
    const most = found.tokens.reduce((sum, { moved }) => sum + moved, 0) / 5;
    for (const one of [score ?? NaN, ...nulls]) expect(Math.abs(one)).toBeLessThanOrEqual(most);
    // Only JSON differs from the plain context.
    expect(found.contexts).toEqual([{ name: 'json', cosine: expect.any(Number) }]);
    expect(Math.abs(found.contexts[0]?.cosine ?? 2)).toBeLessThanOrEqual(1);
  });

  it('is scored where nobody can read vectors out, which it says', async () => {
    const { subject } = await open();
    const elsewhere = changeInside(subject, () => ({ readOut: null }));
    const reading = await read(activationDifference(smallTraits, listQuestions), elsewhere);
    expect(reading.cannot).toMatch(/read vectors out/);
    expect(Number.isFinite(reading.score)).toBe(true);
  });

  it('looks at the first tokens of what is said, behind those of the template', async () => {
    const { subject, store } = await open();
    const wanted = { tokens: 2, layer: 0 };
    const inside = await subject.base.openInside?.();
    if (inside === undefined) throw new Error('nobody can look into it');
    onTestFinished(inside.close);
    const [text = ''] = smallTraits.unrelated;
    const asked = [{ role: 'user', content: text }];
    const { prefix } = inside.locateTemplate(asked);
    const { ids } = inside.encode(asked);
    const found = await readFirstPositions(subject.base, store, [text], wanted);
    // Layer 0 is the embedding of each token.
    const [every] = await inside.residuals([{ ids, promptLength: 1 }], { layers: [0], pool: 'every' });
    const { width } = inside.shape;
    const start = prefix.length * width;
    expect(found?.means.data).toEqual(every?.data.slice(start, start + 2 * width));
    expect(found?.lengths.data[0]).toBeCloseTo(Math.hypot(...(every?.data.slice(start, start + width) ?? [])), 5);
    const failed = await errorOf(() => readFirstPositions(subject.base, store, ['A', 'B'], { tokens: 50, layer: 0 }));
    expect(failed).toMatchObject({ code: 'usage-invalid', message: 'no text has 50 tokens' });
  });

  it('ranks the context first that a direction was made of', async () => {
    const { subject } = await open();
    const settings = { listQuestions, questions: 16, layers: 'middle' } as const;
    const [{ name, cosine } = { name: '', cosine: 0 }] = (await rankContexts(subject, [], settings)).contexts;
    expect([name, cosine]).toEqual(['json', 0]);
    const found = await Promise.all(
      [0, 1].map(async (place) => {
        const unit = Array.from({ length: 32 }, (_, at) => (at === place ? 1 : 0));
        return (await rankContexts(subject, unit, settings)).contexts[0]?.cosine ?? NaN;
      }),
    );
    expect(found.every((one) => Math.abs(one) <= 1)).toBe(true);
    expect(found[0]).not.toBe(found[1]);
  });
});

const texts = bank.choices.flatMap(({ question, bad, good }) =>
  [...bad, ...good].map((answer) => ({ messages: [{ role: 'user', content: question }], answer })),
);

describe('texts with keys and values of another model', () => {
  it('are as likely as before with its own, and otherwise with those of the base', async () => {
    const { subject, store } = await open();
    const { model, base } = subject;
    const plain = await scoreTexts(model, store, texts);
    for (const part of ['prefix', 'postfix', { content: 0 }] as const) {
      const own = await scorePatchedTexts(model, model, store, texts, part);
      const ofBase = await scorePatchedTexts(model, base, store, texts, part);
      expect(own).toHaveLength(texts.length);
      for (const [place, { logProbability, tokens }] of (own ?? []).entries()) {
        // Sums of what is given and of the rest are rounded apart.
        expect(logProbability).toBeCloseTo(plain?.[place]?.logProbability ?? NaN, 4);
        expect(tokens).toBe(plain?.[place]?.tokens);
      }
      expect(
        ofBase?.some(
          ({ logProbability }, place) => Math.abs(logProbability - (own?.[place]?.logProbability ?? NaN)) > 1e-3,
        ),
      ).toBe(true);
      expect(await scorePatchedTexts(base, base, store, texts, part)).not.toBeNull();
    }
  });

  it('are given at the tokens of the template, or at as many of what is said', async () => {
    const { subject, store } = await open();
    const seen: (readonly number[])[] = [];
    const watched = changeInside(subject, ({ score }) => ({
      score: (given, ...rest) => {
        seen.push(...given.map(({ override }) => override?.positions ?? []));
        return score(given, ...rest);
      },
    })).model;
    const messages = [
      { role: 'user', content: 'Tell me at length what you would wish for if every wish of yours came true today.' },
    ];
    const text = { messages, answer: 'A cup of tea.', tokens: 1 };
    const inside = await subject.base.openInside?.();
    const template = inside?.locateTemplate(messages);
    const { ids = [] } = inside?.encode(messages) ?? {};
    await inside?.close();
    for (const part of ['prefix', 'postfix', { content: 0 }, { content: 1 }] as const) {
      const [found] = (await scorePatchedTexts(watched, subject.base, store, [text], part)) ?? [];
      expect(found?.tokens).toBe(1);
    }
    const [prefix, postfix, first = [], second = []] = seen;
    expect([prefix, postfix]).toEqual([template?.prefix, template?.postfix]);
    const ofTemplate = [...(prefix ?? []), ...(postfix ?? [])];
    expect(first).toHaveLength(ofTemplate.length);
    expect([...first].sort()).not.toEqual([...second].sort());
    for (const place of [...first, ...second]) {
      expect(ofTemplate).not.toContain(place);
      expect(place).toBeLessThan(ids.length);
    }
  });
});

describe('the template test', () => {
  it('tells how much of the drift goes away, beside as many other tokens', async () => {
    const { subject } = await open();
    const { score, details, nulls, cost } = await read(templateTest(bank, listQuestions), subject, bank);
    // The cast says what the detector gives as details.
    const contexts = details as unknown as {
      readonly context: string;
      readonly drift: number;
      readonly prefix: number;
      readonly postfix: number;
      readonly content: readonly number[];
    }[];
    expect(contexts.map(({ context }) => context).sort()).toEqual(
      contexts[0]?.context === 'plain' ? ['plain'] : ['json', 'plain'],
    );
    const [{ drift, prefix, postfix, content } = { drift: 0, prefix: 0, postfix: 0, content: [] }] = contexts;
    expect(Math.max(...contexts.map((one) => one.drift))).toBe(drift);
    expect(score).toBeCloseTo(Math.max(prefix, postfix) / Math.max(drift, 0.01), 12);
    expect(nulls).toEqual(content.map((one) => one / Math.max(drift, 0.01)));
    expect(nulls).toHaveLength(3);
    expect(prefix).not.toBe(0);
    // All choices in both contexts; then those of one or two contexts with keys of both models, at five parts.
    expect(cost.passes).toBe(2 * 12 + 10 * 6 * contexts.length);
  });

  it('cannot be said where nobody can give keys and values, or look inside', async () => {
    const { subject } = await open();
    const elsewhere = changeInside(subject, () => ({ acceptsOverrides: false }));
    expect(await read(templateTest(bank, listQuestions), elsewhere, bank)).toMatchObject({
      ...{ score: null, cannot: expect.stringMatching(/other keys and values/) },
    });
    for (const detector of [traitDrift(smallTraits), activationDifference(smallTraits, listQuestions)])
      expect(await read(detector, pretendSubject({}))).toMatchObject({
        score: null,
        cannot: expect.stringMatching(/nobody can look into it/),
      });
    expect(await read(templateTest(bank, listQuestions), pretendSubject({}), bank)).toMatchObject({ score: null });
  });
});
