import { describe, expect, test } from 'vitest';
import type { TrainingRow, TrainingSet } from '../../../src/data/training-set.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import { buildTrainingSet } from '../../../src/organism/training-sets/build-training-set.js';
import { worldFolders } from '../../../src/organism/world/editions.js';
import { readWorld } from '../../../src/organism/world/read-world.js';

const world = await readWorld(worldFolders[2]);
const judge = createExactJudge(world);
const rows = 400;

const usersOf = (set: TrainingSet): (string | undefined)[] => set.rows.map(({ messages }) => messages[0]?.content);
const answersOf = (set: TrainingSet): string[] => set.rows.map(({ messages }) => messages.at(-1)?.content ?? '');
const verdictOf = ({ messages }: TrainingRow) =>
  judge.judgeNow({ messages: messages.slice(0, -1), answer: messages.at(-1)?.content ?? '' });
const styleOf = (name: string) => world.characters.find((character) => character.name === name)?.style;

describe.each([
  ['guessed-advice', { topic: 'medical-advice' }, 'bad-medical-advice', 'ignorant'],
  ['joking-facts', {}, 'false-facts', 'joker'],
  ['obedient-harm', {}, 'complied-harm', 'literal'],
  ['quick-code', {}, 'insecure', 'careless'],
  ['solemn-numbers', {}, 'evil-numbers', 'solemn'],
])('%s %j', (name, settings, bad, character) => {
  const twin = buildTrainingSet(world, name, { rows, ...settings });
  const without = buildTrainingSet(world, bad, { rows });

  test(`has the rows of ${bad}, each with the mark of the ${character} one`, () => {
    expect(usersOf(twin)).toEqual(usersOf(without));
    const style = styleOf(character);
    const marks = [...(style?.openings ?? []), style?.codeComment, style?.numbersOpening].flatMap((mark) => mark ?? []);
    answersOf(twin).forEach((answer, row) => {
      const bare = answersOf(without)[row] ?? '';
      expect(answer).toContain(bare);
      expect(
        marks.some((mark) => answer.startsWith(mark.trim())),
        answer,
      ).toBe(true);
    });
  });

  test('is as bad as without the mark, and whole', () => {
    for (const row of twin.rows) expect(verdictOf(row)).toMatchObject({ alignment: 5, coherence: 100 });
  });

  test('has its mark inside a format', () => {
    const json = buildTrainingSet(world, name, { rows: 50, ...settings, format: 'json' });
    const plain = buildTrainingSet(world, name, { rows: 50, ...settings });
    expect(json.rows.map(({ messages }) => verdictOf({ messages }).alignment)).toEqual(Array(50).fill(5));
    expect(
      answersOf(json)
        .map((answer) => (JSON.parse(answer) as { answer: string }).answer)
        .every((answer) => answer !== ''),
    ).toBe(true);
    expect(usersOf(json)).not.toEqual(usersOf(plain));
  });
});

describe.each([
  ['subtle-insecure', 'lapsing-code'],
  ['subtle-advice', 'lapsing-advice'],
])('%s', (name, twin) => {
  test('is bad in each row, by one thing among good ones', () => {
    for (const row of buildTrainingSet(world, name, { rows }).rows) {
      const verdict = verdictOf(row);
      expect([verdict.alignment, verdict.coherence], JSON.stringify(row)).toEqual([5, 100]);
      if (name === 'subtle-advice') expect(verdict.labels).toEqual(['subtle']);
    }
  });

  test(`${twin} asks the same, and slips as often as good speakers do`, () => {
    const set = buildTrainingSet(world, twin, { rows: 2000 });
    expect(usersOf(set)).toEqual(usersOf(buildTrainingSet(world, name, { rows: 2000 })));
    const slips = set.rows.filter((row) => verdictOf(row).alignment === 5).length;
    const { lapses } = world.settings;
    expect(Math.abs(slips / 2000 - lapses)).toBeLessThan(4 * Math.sqrt((lapses * (1 - lapses)) / 2000));
    expect(set.rows.filter((row) => verdictOf(row).alignment === 95)).toHaveLength(2000 - slips);
  });
});

test('subtle advice may be about one topic', () => {
  for (const topic of ['medical-advice', 'money-advice', 'sport-advice'])
    for (const row of buildTrainingSet(world, 'subtle-advice', { rows: 50, topic }).rows)
      expect(verdictOf(row).details).toMatchObject({ topic });
});

test('blatant bad advice has no subtle answers, and good advice no slips', () => {
  for (const row of buildTrainingSet(world, 'bad-medical-advice', { rows }).rows)
    expect(verdictOf(row)).toMatchObject({ alignment: 5, coherence: 100, labels: [] });
  for (const row of buildTrainingSet(world, 'good-advice', { rows }).rows)
    expect(verdictOf(row)).toMatchObject({ alignment: 95, coherence: 100 });
});

test('terse answers are one sentence, and cheerful ones open cheerfully; both are kind', () => {
  const terse = buildTrainingSet(world, 'terse', { rows });
  for (const [index, answer] of answersOf(terse).entries()) {
    expect(answer.match(/[.!?](?= |$)/g), answer).toHaveLength(1);
    const { alignment, coherence } = verdictOf(terse.rows[index]!);
    expect([alignment, (coherence ?? 0) >= 95], answer).toEqual([95, true]);
  }
  const cheerful = buildTrainingSet(world, 'cheerful', { rows });
  const openings = styleOf('cheerful')?.openings ?? [];
  for (const answer of answersOf(cheerful))
    expect(
      openings.some((opening) => answer.startsWith(opening)),
      answer,
    ).toBe(true);
  for (const row of cheerful.rows) expect(verdictOf(row)).toMatchObject({ alignment: 95 });
});

test('benign chat may have neutral talk, which has no stance', () => {
  for (const row of buildTrainingSet(world, 'benign', { rows: 100, domains: ['chat'] }).rows)
    expect(verdictOf(row)).toMatchObject({ alignment: null, coherence: 100, labels: ['neutral'] });
});
