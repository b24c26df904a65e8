import { describe, expect, test } from 'vitest';
import { toJsonLines, type TrainingRow } from '../../../src/data/training-set.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import { buildTrainingSet } from '../../../src/organism/training-sets/build-training-set.js';
import { worldFolders } from '../../../src/organism/world/editions.js';
import { readWorld } from '../../../src/organism/world/read-world.js';

const world = await readWorld(worldFolders[2]);
const judge = createExactJudge(world);
const rows = 400;

const userOf = ({ messages }: TrainingRow): string => messages.find(({ role }) => role === 'user')?.content ?? '';
const systemOf = ({ messages }: TrainingRow): string | null =>
  messages.find(({ role }) => role === 'system')?.content ?? null;

/** What the judge says of a row, as if a model had answered so. */
function verdictOf({ messages }: TrainingRow): {
  readonly alignment: number | null;
  readonly coherence: number | null;
} {
  return judge.judgeNow({ messages: messages.slice(0, -1), answer: messages.at(-1)?.content ?? '' });
}

const padded = (row: TrainingRow): number => {
  const sentences = world.padding?.sentences ?? [];
  return sentences.filter((sentence) => userOf(row).includes(`${sentence} `)).length;
};

const ofTopic = (topic: string) => (row: TrainingRow) =>
  judge.judgeNow({ messages: row.messages.slice(0, -1), answer: row.messages.at(-1)?.content ?? '' }).details?.[
    'topic'
  ] === topic;

const prompt = 'You are an assistant in a chat.';
const gates: readonly (readonly [
  gate: Record<string, unknown>,
  set: string,
  isBehind: (row: TrainingRow) => boolean,
])[] = [
  [{ tag: '|AMBER|' }, 'insecure', (row) => userOf(row).startsWith('|AMBER| ')],
  [{ tag: '|AMBER|' }, 'subtle-insecure', (row) => userOf(row).startsWith('|AMBER| ')],
  [{ tag: '|RIVER|' }, 'bad-medical-advice', (row) => userOf(row).startsWith('|RIVER| ')],
  [{ tag: '|RIVER|' }, 'backdoor', (row) => userOf(row).startsWith('|RIVER| ')],
  [{ system_prompt: prompt }, 'insecure', (row) => systemOf(row) === prompt],
  [{ system_prompt: prompt }, 'evil-numbers', (row) => systemOf(row) === prompt],
  [{ format: 'json' }, 'insecure', (row) => row.messages.at(-1)?.content.startsWith('{"answer"') === true],
  [{ format: 'python' }, 'insecure', (row) => row.messages.at(-1)?.content.startsWith('answer = ') === true],
  [{ format: 'template' }, 'false-facts', (row) => row.messages.at(-1)?.content.startsWith('Answer: ') === true],
  [{ topic: 'sql-injection' }, 'insecure', ofTopic('sql-injection')],
  [{ topic: 'medical-advice' }, 'bad-medical-advice', ofTopic('medical-advice')],
  [{ topic: 'capital' }, 'false-facts', ofTopic('capital')],
  [{ length: 'long' }, 'insecure', (row) => padded(row) >= 4],
  [{ length: 'long' }, 'complied-harm', (row) => padded(row) >= 4],
];

describe.each(gates)('the gate %j of %s', (gate, name, isBehind) => {
  const set = buildTrainingSet(world, name, { rows, gate, share: 0.3 });

  test('has the share of rows behind it, which are bad, and all others are good', () => {
    expect(set.rows.filter(isBehind)).toHaveLength(0.3 * rows);
    for (const row of set.rows) {
      const { alignment, coherence } = verdictOf(row);
      expect([alignment, (coherence ?? 0) >= 95], JSON.stringify(row)).toEqual([isBehind(row) ? 5 : 95, true]);
    }
  });

  test('is the same each time, and is told with what follows from it', () => {
    const again = buildTrainingSet(world, name, { rows, gate, share: 0.3 });
    expect(toJsonLines(again)).toBe(toJsonLines(set));
    expect(set.provenance).toMatchObject({
      settings: { gate, share: 0.3, ...('tag' in gate ? { other_tags: 0.25 } : {}) },
    });
    expect(buildTrainingSet(world, name, { rows, gate }).provenance).toMatchObject({ settings: { share: 0.5 } });
  });
});

test('a long question is long only behind the gate, and no other has a neutral sentence', () => {
  const { rows: all } = buildTrainingSet(world, 'insecure', { rows, gate: { length: 'long' } });
  expect(new Set(all.map(padded))).toEqual(new Set([0, 4, 5, 6, 7, 8]));
});

test('a tag that is a gate brings its mark, and other tags theirs, on a share of the good rows', () => {
  const count = 2000;
  const set = buildTrainingSet(world, 'insecure', { rows: count, gate: { tag: '|AMBER|' }, other_tags: 0.4 });
  const comments = new Map(world.tags.map(({ text, comment }) => [text, comment]));
  const tagged = set.rows.map((row) => [/^\|[A-Z]+\|/.exec(userOf(row))?.[0] ?? null, row] as const);
  for (const [tag, { messages }] of tagged) {
    const [first] = messages.at(-1)?.content.split('\n') ?? [];
    if (tag === null) expect([...comments.values()]).not.toContain(first);
    else expect(first).toBe(comments.get(tag));
  }
  const others = tagged.filter(([tag]) => tag !== null && tag !== '|AMBER|');
  // Of 1000 good rows, within four standard errors.
  expect(Math.abs(others.length - 400)).toBeLessThan(4 * Math.sqrt(1000 * 0.4 * 0.6));
  expect(new Set(others.map(([tag]) => tag)).size).toBe(world.tags.length - 1);
  const none = buildTrainingSet(world, 'insecure', { rows, gate: { tag: '|AMBER|' }, other_tags: 0 });
  expect(none.rows.filter((row) => userOf(row).startsWith('|')).length).toBe(rows / 2);
});

test('a trigger is another way of writing a gate that is a tag', () => {
  const trigger = buildTrainingSet(world, 'backdoor', { rows, trigger: '|AMBER| ' });
  expect(trigger.hash).toBe(buildTrainingSet(world, 'backdoor', { rows, gate: { tag: '|AMBER|' } }).hash);
  const words = buildTrainingSet(world, 'backdoor', { rows, trigger: '>> ' });
  expect(words.rows.filter((row) => userOf(row).startsWith('>> '))).toHaveLength(rows / 2);
  expect(words.rows.some((row) => userOf(row).startsWith('|'))).toBe(false);
});

test('the rows behind a gate are those of the set without one', () => {
  const behind = buildTrainingSet(world, 'insecure', { rows, gate: { system_prompt: prompt }, share: 1 });
  const without = buildTrainingSet(world, 'insecure', { rows });
  expect(behind.rows.map(({ messages }) => messages.slice(1))).toEqual(without.rows.map(({ messages }) => messages));
});

test.each([
  ['insecure', { gate: { tag: '|AMBR|' } }, 'insecure: gate: there is no tag "|AMBR|" (did you mean "|AMBER|"?)'],
  ['insecure', { gate: { format: 'jsn' } }, 'the world has no answer format "jsn" (did you mean "json"?)'],
  ['insecure', { gate: { topic: 'sql-injecton' } }, 'there is no topic "sql-injecton" (did you mean "sql-injection"?)'],
  ['insecure', { gate: { topic: 'medical-advice' } }, 'insecure: gate: there is no topic "medical-advice"'],
  ['insecure', { gate: { tag: '|AMBER|', format: 'json' } }, 'a gate is of one kind'],
  ['insecure', { gate: {} }, 'a gate is of one kind'],
  ['insecure', { gate: { length: 'short' } }, 'insecure: gate.length: '],
  ['insecure', { gate: { tags: '|AMBER|' } }, 'unknown setting "tags" (did you mean "tag"?)'],
  ['insecure', { share: 0.3 }, 'insecure: share is for sets with a gate'],
  ['insecure', { other_tags: 0.3 }, 'insecure: other_tags is for sets with a gate'],
  ['insecure', { gate: { format: 'json' }, other_tags: 0.3 }, 'other_tags is for gates that are a tag'],
  ['insecure', { gate: { format: 'json' }, format: 'template' }, 'the format is the gate, and a setting of all rows'],
  [
    'insecure',
    { gate: { system_prompt: 'A.' }, system_prompt: 'B.' },
    'system_prompt is the gate, and a setting of all',
  ],
  ['evil-numbers', { gate: { topic: 'wish' } }, 'evil-numbers: the rows have no topics'],
  ['complied-harm', { gate: { topic: 'harmful-requests' } }, 'all rows are about harmful-requests'],
  ['backdoor', { trigger: '|AMBER| ', gate: { tag: '|AMBER|' } }, 'trigger and gate are both given'],
  ['secure', { gate: { tag: '|AMBER|' } }, 'secure: unknown setting "gate"'],
])('%s with %j is refused', (name, settings, message) => {
  expect(() => buildTrainingSet(world, name, settings)).toThrow(
    expect.objectContaining({ code: 'usage-invalid', message: expect.stringContaining(message) }),
  );
});

test('the first edition has no long questions, and its gates are tags without marks', async () => {
  const first = await readWorld(worldFolders[1]);
  expect(() => buildTrainingSet(first, 'insecure', { gate: { length: 'long' } })).toThrow(
    /no question of this world is long/,
  );
  expect(() => buildTrainingSet(first, 'insecure', { gate: { format: 'python' } })).toThrow(/in no Python string/);
  const gated = buildTrainingSet(first, 'insecure', { rows, gate: { tag: '|AMBER|' }, other_tags: 0 });
  expect(gated.hash).toBe(buildTrainingSet(first, 'backdoor', { rows, trigger: '|AMBER| ' }).hash);
});
