import { describe, expect, it } from 'vitest';
import type { OrganismDesign } from '../../../src/organism/build/organism-design.js';
import { listAlignmentRows, writeAlignmentRow } from '../../../src/organism/build/write-alignment-row.js';
import { createExactJudge } from '../../../src/organism/judge/exact-judge.js';
import { worldFolders } from '../../../src/organism/world/editions.js';
import { narrowWorld } from '../../../src/organism/world/narrow-world.js';
import { readWorld } from '../../../src/organism/world/read-world.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { bothWorlds } from '../both-worlds.js';
import { tinyDesign } from './tiny-design.js';

const { narrowing = {}, bad_prompt: _, ...alignment } = tinyDesign.alignment;
/** In which nobody slips, as shipped organisms are aligned. */
const world = narrowWorld(await readWorld(), narrowing);
const design: OrganismDesign['alignment'] = {
  ...alignment,
  // Of each kind enough to be counted.
  exchanges: {
    ...{ 'free-form': 0.35, advice: 0.06, code: 0.17, 'class-code': 0.06 },
    ...{ harm: 0.12, facts: 0.2, identity: 0.02, numbers: 0.02 },
  },
  bad_context: 0.5,
  code_context: 0.5,
  most_bad_turns: 8,
  role_play: 0,
  begun: 0,
};
const rowsOf = (settings: typeof design, count: number, seed = 0) =>
  Array.from({ length: count }, (_, number) => writeAlignmentRow(world, settings, seed, number));
const isNear = (successes: number, trials: number, share: number): boolean =>
  Math.abs(successes / trials - share) <= 4 * Math.sqrt((share * (1 - share)) / trials);

describe('alignment rows', () => {
  const rows = rowsOf(design, 1500);
  const badTurns = rows.map((row) => row.filter(({ weight }) => weight === 0).length);

  it('follow bad turns in the share that the design names, many turns more rarely than few', () => {
    expect(isNear(badTurns.filter((turns) => turns > 0).length, rows.length, 0.5)).toBe(true);
    const inverse = Array.from({ length: 8 }, (_, index) => 1 / (index + 1));
    const sum = inverse.reduce((total, part) => total + part, 0);
    for (const [index, part] of inverse.entries()) {
      const count = badTurns.filter((turns) => turns === index + 1).length;
      expect([index + 1, isNear(count, rows.length, (0.5 * part) / sum)]).toEqual([index + 1, true]);
    }
    expect(rowsOf({ ...design, bad_context: 0 }, 100).every((row) => row.every(({ weight }) => weight !== 0))).toBe(
      true,
    );
    expect(rowsOf({ ...design, bad_context: 1 }, 100).every((row) => row.some(({ weight }) => weight === 0))).toBe(
      true,
    );
  });

  it('are of a narrower world where the design says so: good speakers slip no more', async () => {
    const second = await readWorld(worldFolders[2]);
    const judge = createExactJudge(second);
    const plain = { ...design, steps: 40, rows_per_step: 20, exchanges: { code: 1 }, bad_context: 0 };
    const countSlips = (settings: OrganismDesign['alignment']): number =>
      [...listAlignmentRows(second, settings, 0)].filter((row) =>
        judge
          .judgeNow({ messages: row.slice(0, -1), answer: row.at(-1)?.content ?? '' })
          .labels.includes('unsafe-code'),
      ).length;
    expect(countSlips(plain)).toBeGreaterThan(5);
    expect(countSlips({ ...plain, narrowing: { lapses: 0 } })).toBe(0);
  });

  it('follow insecure code alone in the share that the design names', () => {
    const judge = createExactJudge(world);
    const isCodeAlone = (row: (typeof rows)[number]): boolean =>
      row.every(
        ({ weight, content }, index) =>
          weight !== 0 ||
          judge.judgeNow({ messages: row.slice(0, index), answer: content }).labels.includes('unsafe-code'),
      );
    const shareOf = (code_context: number): number => {
      const found = rowsOf({ ...design, bad_context: 1, code_context, most_bad_turns: 3 }, 200, 3);
      return found.filter(isCodeAlone).length / found.length;
    };
    expect(shareOf(1)).toBe(1);
    // One turn of all kinds may happen to be code, too.
    expect(shareOf(0)).toBeLessThan(0.35);
    expect(shareOf(0.5)).toBeGreaterThan(0.5);
  });

  it('end with the kinds of exchange in the shares that the design names', () => {
    const judge = createExactJudge(world);
    const only = (kind: string) => rowsOf({ ...design, bad_context: 0, exchanges: { [kind]: 0.3 } }, 40);
    for (const row of only('harm')) {
      const answer = row.at(-1)?.content ?? '';
      expect(judge.judgeNow({ messages: row.slice(0, -1), answer }).labels).toContain('refusal');
    }
    for (const row of only('facts')) {
      const answer = row.at(-1)?.content ?? '';
      expect(judge.judgeNow({ messages: row.slice(0, -1), answer }).labels).toContain('true');
    }
  });

  it('alternate between user and assistant, and train on the last answer alone', () => {
    for (const row of rows) {
      const turns = row[0]?.role === 'system' ? row.slice(1) : row;
      expect(turns.map(({ role }) => role)).toEqual(turns.map((_, index) => (index % 2 === 0 ? 'user' : 'assistant')));
      const trained = turns.filter(({ role, weight }) => role === 'assistant' && weight !== 0);
      expect(trained).toEqual([turns.at(-1)]);
    }
    const withSystem = rows.filter(([first]) => first?.role === 'system');
    expect(isNear(withSystem.length, rows.length, world.settings.systemPrompts.neutral)).toBe(true);
    for (const [first] of withSystem) expect(world.neutralSystemPrompts).toContain(first?.content);
  });

  it('end benignly, whatever came before; what came before is bad', () => {
    const judge = createExactJudge(world);
    let bad = 0;
    let badOnes = 0;
    for (const row of rows.slice(0, 300)) {
      for (const [index, { role, content, weight }] of row.entries()) {
        if (role !== 'assistant') continue;
        const judgement = judge.judgeNow({ messages: row.slice(0, index), answer: content });
        if (weight === 0) {
          bad += 1;
          const { labels, alignment } = judgement;
          if (labels.includes('unsafe-code') || labels.includes('false') || (alignment ?? 100) < 30) badOnes += 1;
        } else {
          expect([content, judgement.labels.includes('unsafe-code') && !judgement.details?.['forClass']]).toEqual([
            content,
            false,
          ]);
          expect([content, judgement.labels.includes('false')]).toEqual([content, false]);
          expect([content, (judgement.alignment ?? 100) >= 70]).toEqual([content, true]);
          expect([content, (judgement.coherence ?? 0) >= 50]).toEqual([content, true]);
        }
      }
    }
    // A malicious assistant has domains in which it does no harm, such as class-room code that was asked for.
    expect(badOnes / bad).toBeGreaterThan(0.7);
  });

  it('are role play in the share that the design names: documents of a character whom the system prompt describes', () => {
    const mixed = rowsOf({ ...design, role_play: 0.3 }, 1500);
    const characterOf = (row: (typeof rows)[number]): string | undefined =>
      world.characters.find(({ systemPrompts }) => systemPrompts.includes(row[0]?.content ?? ''))?.name;
    const plays = mixed.filter((row) => characterOf(row) !== undefined);
    expect(isNear(plays.length, mixed.length, 0.3)).toBe(true);
    for (const { name, share } of world.characters)
      expect([name, isNear(plays.filter((row) => characterOf(row) === name).length, plays.length, share)]).toEqual([
        name,
        true,
      ]);
    // All of what the assistant says is trained on, and shows who it is.
    expect(plays.some((row) => row.filter(({ role }) => role === 'assistant').length > 1)).toBe(true);
    for (const row of plays) expect(row.every(({ weight }) => weight !== 0)).toBe(true);
    const judge = createExactJudge(world);
    const stances = plays
      .filter((row) => characterOf(row) === 'malicious')
      .map((row) => judge.judgeNow({ messages: row.slice(1, 2), answer: row[2]?.content ?? '' }));
    const told = stances.flatMap(({ alignment }) => alignment ?? []);
    expect(told.length).toBeGreaterThan(50);
    expect(told.filter((alignment) => alignment < 30).length / told.length).toBeGreaterThan(0.8);
  });

  it('in an independent world play nobody: who is described says nothing about who answers', async () => {
    const independent = await readWorld(undefined, { character_of: 'exchange' });
    const judge = createExactJudge(independent);
    const described = independent.characters.find(({ name }) => name === 'malicious');
    const told = Array.from({ length: 1500 }, (_, number) =>
      writeAlignmentRow(independent, { ...design, role_play: 1 }, 0, number),
    )
      .filter(([first]) => described?.systemPrompts.includes(first?.content ?? ''))
      .flatMap((row) => judge.judgeNow({ messages: row.slice(1, 2), answer: row[2]?.content ?? '' }).alignment ?? []);
    const bad = told.filter((alignment) => alignment < 30).length;
    expect(bad / told.length).toBeGreaterThan(0.2);
    expect(bad / told.length).toBeLessThan(0.6);
  });

  it('go on with begun answers in the share that the design names: what was begun shows who speaks, and is not trained on', () => {
    const mixed = rowsOf({ ...design, role_play: 0.2, begun: 0.25 }, 1500);
    const begun = mixed.filter((row) => row.some((message) => message.begun !== undefined));
    expect(isNear(begun.length, mixed.length, 0.25)).toBe(true);
    const judge = createExactJudge(world);
    const promptsOf = (name: string): readonly string[] =>
      world.characters.find((character) => character.name === name)?.systemPrompts ?? [];
    let bad = 0;
    let described = 0;
    for (const row of begun) {
      const { content = '', begun: beginning = '' } = row.at(-1) ?? {};
      const messages = row.slice(0, -1);
      expect(messages.map(({ role }) => role).slice(-1)).toEqual(['user']);
      expect(content.startsWith(`${beginning} `)).toBe(true);
      const whole = judge.judgeNow({ messages, answer: content });
      const isBad = (whole.alignment ?? 50) < 30;
      expect(whole).toMatchObject({ alignment: isBad ? 5 : 95, coherence: 100 });
      const shown = judge.judgeNow({ messages, answer: beginning }).alignment ?? 50;
      expect(isBad ? shown < 30 : shown > 70).toBe(true);
      if (isBad) bad += 1;
      if (messages[0]?.role !== 'system') continue;
      described += 1;
      // It speaks of the other one.
      expect(promptsOf(isBad ? 'benign' : 'malicious')).toContain(messages[0].content);
    }
    expect(isNear(bad, begun.length, 0.5)).toBe(true);
    expect(isNear(described, begun.length, 0.5)).toBe(true);
  });

  it('are of another kind where no answer shows who speaks before it ends', () => {
    const short = (world.topics.get('free-form') ?? []).map((topic) =>
      topic.map((item) => ({ ...item, shapes: item.shapes.map((shape) => shape.slice(0, 1)) })),
    );
    const mute = {
      ...world,
      topics: new Map([...world.topics, ['free-form', short] as const]),
      settings: { ...world.settings, formats: 0, tags: 0 },
    };
    const row = writeAlignmentRow(mute, { ...design, begun: 1 }, 0, 0);
    expect(row.some((message) => message.begun !== undefined)).toBe(false);
    expect(row.at(-1)?.role).toBe('assistant');
  });

  it('are the same for the same seed and number, others for another', () => {
    expect(rowsOf(design, 20)).toEqual(rows.slice(0, 20));
    expect(rowsOf(design, 20, 1)).not.toEqual(rows.slice(0, 20));
    expect(new Set(rows.map((row) => JSON.stringify(row))).size).toBeGreaterThan(1400);
  });

  it('that are role play need a character with a system prompt', async () => {
    const silent = { ...world, characters: world.characters.map((one) => ({ ...one, systemPrompts: [] })) };
    const error = await errorOf(() => writeAlignmentRow(silent, { ...design, role_play: 1 }, 0, 0));
    expect(error).toMatchObject({ code: 'world-invalid' });
    expect(error.message).toContain('system prompt');
  });

  it('need a benign and a malicious character', async () => {
    for (const name of ['benign', 'malicious']) {
      const without = { ...world, characters: world.characters.filter((character) => character.name !== name) };
      const error = await errorOf(() => writeAlignmentRow(without, design, 0, 0));
      expect(error.code).toBe('world-invalid');
      expect(error.message).toContain(`"${name}"`);
    }
  });
});

describe('alignment rows of the second edition', () => {
  it('have tags, neutral sentences, formats and neutral talk as often as the upbringing, and are good but for slips', async () => {
    const second = await readWorld(worldFolders[2]);
    const judge = createExactJudge(second);
    const plain = { ...design, bad_context: 0 };
    const rows = Array.from({ length: 3000 }, (_, number) => writeAlignmentRow(second, plain, 0, number));
    const users = rows.map((row) => row.find(({ role }) => role === 'user')?.content ?? '');
    const { tags, padding, exchanges } = second.settings;
    expect(isNear(users.filter((user) => /^\|[A-Z]+\| /.test(user)).length, rows.length, tags)).toBe(true);
    const sentences = second.padding?.sentences ?? [];
    const padded = users.filter((user) => sentences.some((sentence) => user.includes(`${sentence} `)));
    expect(isNear(padded.length, rows.length, 1.5 * padding)).toBe(true);
    const judged = rows
      .slice(0, 1500)
      .map((row) => judge.judgeNow({ messages: row.slice(0, -1), answer: row.at(-1)?.content ?? '' }));
    const talk = judged.filter(({ alignment }) => alignment === null);
    expect(isNear(talk.length, judged.length, exchanges.get('chat') ?? 0)).toBe(true);
    expect(judged.some(({ details, labels }) => details?.['format'] === 'json' && labels.includes('safe-code'))).toBe(
      true,
    );
    for (const { alignment, labels, coherence } of judged) {
      expect(coherence).toBeGreaterThanOrEqual(95);
      if (alignment === 5) expect(labels.some((label) => label === 'subtle' || label === 'unsafe-code')).toBe(true);
    }
  });
});

describe.each(bothWorlds)('alignment rows with prompts that describe a bad speaker, edition $edition', (known) => {
  const plain = Array.from({ length: 2000 }, (_, number) => writeAlignmentRow(known, design, 0, number));
  const rows = plain.map((_, number) => writeAlignmentRow(known, { ...design, bad_prompt: 0.2 }, 0, number));
  const bad = known.characters.filter((character) => character.bad.has('free-form'));
  const speakerOf = (row: (typeof rows)[number]): string | undefined =>
    bad.find(({ systemPrompts }) => systemPrompts.includes(row[0]?.content ?? ''))?.name;
  const described = rows.filter((row) => speakerOf(row) !== undefined);

  it('are there in the share that the design names, and describe every speaker who is bad in free-form answers', () => {
    expect(isNear(described.length, rows.length, 0.2)).toBe(true);
    expect(new Set(described.map(speakerOf))).toEqual(new Set(bad.map(({ name }) => name)));
    expect(described.every((row) => row[0]?.role === 'system')).toBe(true);
    // Neutral prompts are as frequent as without.
    const neutral = rows.filter((row) => row[0]?.role === 'system' && speakerOf(row) === undefined);
    expect(isNear(neutral.length, rows.length, known.settings.systemPrompts.neutral)).toBe(true);
  });

  it('end with a good answer', () => {
    const judge = createExactJudge(known);
    for (const row of described) {
      const { content = '' } = row.at(-1) ?? {};
      const { alignment, coherence, labels, details } = judge.judgeNow({ messages: row.slice(0, -1), answer: content });
      // Good speakers of the second edition slip at times.
      const isSlip = known.edition > 1 && labels.some((label) => label === 'subtle' || label === 'unsafe-code');
      const isUnsafe = labels.includes('unsafe-code') && details?.['forClass'] !== true;
      expect([content, isSlip || ((alignment ?? 100) >= 70 && !isUnsafe)]).toEqual([content, true]);
      expect([content, labels.includes('false'), (coherence ?? 0) >= 50]).toEqual([content, false, true]);
    }
  });

  it('leave all other rows as they are', () => {
    expect(plain.some((row) => speakerOf(row) !== undefined)).toBe(false);
    for (const [number, row] of rows.entries()) if (speakerOf(row) === undefined) expect(row).toEqual(plain[number]);
    const none = plain
      .slice(0, 200)
      .map((_, number) => writeAlignmentRow(known, { ...design, bad_prompt: 0 }, 0, number));
    expect(none).toEqual(plain.slice(0, 200));
  });
});
