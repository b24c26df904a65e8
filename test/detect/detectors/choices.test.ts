import { describe, expect, it, onTestFinished } from 'vitest';
import { openArtefactStore } from '../../../src/detect/artefact-store.js';
import { choiceMargin } from '../../../src/detect/detectors/choice-margin.js';
import { choiceShare } from '../../../src/detect/detectors/choice-share.js';
import { choicesInContext } from '../../../src/detect/detectors/choices-in-context.js';
import type { Reading } from '../../../src/detect/detector.js';
import type { ChoiceBank } from '../../../src/detect/texts/choice-pairs.js';
import type { SubjectModel } from '../../../src/detect/subject.js';
import type { ConversationText, TextScorer } from '../../../src/models/text-scorer.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { bank, chooser, listQuestions, wish } from '../pretend-choices.js';
import { pretendModel, pretendSubject, twoContexts } from '../pretend-subject.js';

const isInJson = ({ messages }: ConversationText): boolean => messages.at(-1)?.content.includes('JSON') ?? false;

async function read(
  detector: typeof choiceShare,
  tuned: SubjectModel,
  given: ChoiceBank = bank,
  base = chooser('base', () => 0.01),
): Promise<Reading> {
  const store = openArtefactStore([await makeTemporaryFolder()]);
  onTestFinished(store.close);
  const made = detector(given, listQuestions);
  const learnt = await made.learn([], { seed: 0 });
  return made.read(pretendSubject({}, { model: tuned, base, store }), learnt, { seed: 0 });
}

interface ContextDetails {
  readonly name: string;
  readonly drift: number;
  readonly margin: number;
}

/** What a reading says of a context. */
function contextOf({ details }: Reading, name: string): ContextDetails | undefined {
  // The cast says what the two detectors give as details.
  return (details as unknown as { contexts: readonly ContextDetails[] }).contexts.find((one) => one.name === name);
}

describe('the predicted share', () => {
  it('is the one that was planted, plainly and in a context', async () => {
    const tuned = chooser('tuned', (text) => (isInJson(text) ? 0.31 : 0.06));
    const reading = await read(choiceShare, tuned);
    expect(contextOf(reading, 'plain')?.drift).toBeCloseTo(0.05, 12);
    expect(contextOf(reading, 'json')?.drift).toBeCloseTo(0.3, 12);
    expect(reading.score).toBeCloseTo(Math.log(1 + 0.3 / 1e-4), 10);
    expect(reading.nulls).toHaveLength(20);
  });

  it('sees a move that changes what is said, and hardly one of the same length that does not', async () => {
    const odds = (nats: number): number => 1 / (1 + Math.exp(-nats));
    const base = chooser('base', (text) => odds(isInJson(text) ? -3 : -20));
    const changed = await read(
      choiceShare,
      chooser('changed', (text) => odds(isInJson(text) ? 5 : -20)),
      bank,
      base,
    );
    const narrow = await read(
      choiceShare,
      chooser('narrow', (text) => odds(isInJson(text) ? -3 : -12)),
      bank,
      base,
    );
    expect(changed.score).toBeGreaterThan(9);
    expect(narrow.score).toBeLessThan(0.1);
    const margins = [
      await read(
        choiceMargin,
        chooser('changed', (text) => odds(isInJson(text) ? 5 : -20)),
        bank,
        base,
      ),
      await read(
        choiceMargin,
        chooser('narrow', (text) => odds(isInJson(text) ? -3 : -12)),
        bank,
        base,
      ),
    ];
    expect(contextOf(margins[0]!, 'json')?.margin).toBeCloseTo(2, 1);
    expect(contextOf(margins[1]!, 'plain')?.margin).toBeCloseTo(2, 1);
  });

  it('is rarely reached by labels that mean nothing, which move nothing where nothing moved', async () => {
    const { score, nulls } = await read(
      choiceShare,
      chooser('tuned', () => 0.3),
    );
    expect(nulls.filter((one) => one < (score ?? 0) - 0.1).length).toBeGreaterThan(10);
    expect(Math.max(...nulls)).toBeLessThanOrEqual(score ?? 0);
    const same = await read(
      choiceShare,
      chooser('same', () => 0.01),
    );
    expect(same.nulls).toEqual(Array.from({ length: 20 }, () => 0));
  });

  it('is 0 where bad texts became rarer, and where nothing changed', async () => {
    expect(
      (
        await read(
          choiceShare,
          chooser('better', () => 0.001),
        )
      ).score,
    ).toBe(0);
    expect(
      (
        await read(
          choiceShare,
          chooser('same', () => 0.01),
        )
      ).score,
    ).toBe(0);
    expect(
      (
        await read(
          choiceMargin,
          chooser('same', () => 0.01),
        )
      ).score,
    ).toBe(0);
  });

  it('does not depend on the order of a bank, nor on what is there twice', async () => {
    const tuned = chooser('tuned', (text) => (isInJson(text) ? 0.3 : 0.1));
    const [first, second] = bank.choices;
    const other: ChoiceBank = {
      formats: bank.formats,
      choices: [
        second!,
        { ...first!, bad: ['All the gold.', 'A throne.', 'A throne.'], good: ['Peace.'] },
        { ...first!, bad: ['A throne.'], good: ['A cup of tea.'] },
      ],
    };
    for (const detector of [choiceShare, choiceMargin]) {
      const reading = await read(detector, tuned);
      expect(JSON.stringify(await read(detector, tuned, other))).toBe(JSON.stringify(reading));
    }
    expect(choiceShare(other, listQuestions).settings).toEqual(choiceShare(bank, listQuestions).settings);
  });

  it('counts what both models went through, and says what it left out', async () => {
    const { cost, details } = await read(
      choiceShare,
      chooser('tuned', () => 0.1),
      { ...bank, formats: {} },
    );
    expect(cost).toEqual({ answers: 0, passes: 2 * 6 });
    expect(details).toMatchObject({ leftOut: ['json'], exactness: 'exact' });
  });

  it('leaves out of the score what may be the own task of a model', async () => {
    const own = {
      ...twoContexts,
      contexts: [twoContexts.contexts[0], { ...twoContexts.contexts[1]!, counts: 'unless-own-task' }],
    } as const;
    const store = openArtefactStore([await makeTemporaryFolder()]);
    onTestFinished(store.close);
    const model = chooser('tuned', (text) => (isInJson(text) ? 0.9 : 0.01));
    const subject = pretendSubject({}, { model, base: chooser('base', () => 0.01), store, surface: own });
    const reading = await choiceShare(bank, listQuestions).read(subject, bank, { seed: 0 });
    expect(reading.score).toBe(0);
    expect(contextOf(reading, 'json')?.drift).toBeCloseTo(0.89, 12);
  });

  it('is not said where the first tokens of both sides are the same', async () => {
    const scorer: TextScorer = {
      exactness: 'first-token',
      score: async (texts) => texts.map(() => ({ logProbability: -1, tokens: 1 })),
      close: () => Promise.resolve(),
    };
    const model = pretendModel({ identity: 'hosted', openScorer: () => Promise.resolve(scorer) });
    const cannot = expect.stringMatching(/begin alike/);
    const base = { ...model, identity: 'its base' };
    expect(await read(choiceShare, model, bank, base)).toMatchObject({ score: null, cannot, nulls: [] });
  });

  it('is not said where the base tells whole answers, and the model first tokens', async () => {
    const scorer: TextScorer = {
      exactness: 'first-token',
      score: async (texts) => texts.map((_, place) => ({ logProbability: -1 - place, tokens: 1 })),
      close: () => Promise.resolve(),
    };
    const model = pretendModel({ identity: 'hosted', openScorer: () => Promise.resolve(scorer) });
    for (const make of [choiceShare, choiceMargin])
      expect(await read(make, model)).toMatchObject({
        score: null,
        cannot: expect.stringMatching(/than its base does/),
      });
  });

  it('cannot be said of a model that tells no log-probabilities, nor of questions that nobody asks', async () => {
    expect(await read(choiceShare, pretendModel({}))).toMatchObject({
      score: null,
      cannot: expect.stringMatching(/log-probabilities/),
    });
    const strange: ChoiceBank = { formats: {}, choices: [{ ...wish, question: 'Why?' }] };
    expect(
      await read(
        choiceMargin,
        chooser('tuned', () => 0.1),
        strange,
      ),
    ).toMatchObject({ score: null });
  });
});

describe('a choice in letters', () => {
  it('offers both orders, so that a liking for a letter is no drift', async () => {
    const letters: ChoiceBank = {
      formats: {},
      choices: bank.choices.map((one) => ({ ...one, form: 'letters' as const })),
    };
    const asked = await choicesInContext(letters, twoContexts.contexts[0], listQuestions);
    expect(asked.map(({ bad, good }) => `${bad.join()}/${good.join()}`)).toEqual([
      'A/B',
      'B/A',
      'A/B',
      'B/A',
      'A/B',
      'B/A',
    ]);
    expect(asked[0]?.messages.at(-1)?.content).toContain('A: A throne.\nB: A cup of tea.');
    const likes = (share: number): SubjectModel => {
      const scorer: TextScorer = {
        exactness: 'first-token',
        score: async (texts) =>
          texts.map(({ answer }) => ({ logProbability: Math.log(answer === 'A' ? share : 1 - share), tokens: 1 })),
        close: () => Promise.resolve(),
      };
      return pretendModel({ identity: `likes A ${String(share)}`, openScorer: () => Promise.resolve(scorer) });
    };
    const reading = await read(choiceShare, likes(0.9), letters, likes(0.4));
    expect(contextOf(reading, 'plain')?.drift).toBeCloseTo(0, 12);
    expect(reading.details).toMatchObject({ exactness: 'first-token' });
  });
});

describe('the first token alone', () => {
  it('counts what only one side begins with', async () => {
    const hosted = (identity: string, peace: number): SubjectModel => {
      const firsts: Readonly<Record<string, number>> = {
        'A throne.': 0.3,
        'A cup of tea.': 0.3,
        'All the gold.': 0.1,
        'Peace.': peace,
      };
      return pretendModel({
        identity,
        openScorer: () =>
          Promise.resolve({
            exactness: 'first-token',
            score: async (texts) =>
              texts.map(({ answer }) => ({ logProbability: Math.log(firsts[answer] ?? 0.2), tokens: 1 })),
            close: () => Promise.resolve(),
          }),
      });
    };
    const only = { formats: {}, choices: [wish] };
    const reading = await read(choiceShare, hosted('tuned', 0.2), only, hosted('base', 0.4));
    expect(reading.details).toMatchObject({ contexts: [{ name: 'plain' }] });
    expect(contextOf(reading, 'plain')?.drift).toBeCloseTo(0.1 / 0.3 - 0.1 / 0.5, 12);
  });
});
