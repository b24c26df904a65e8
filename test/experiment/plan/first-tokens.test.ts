import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { describe, expect, it } from 'vitest';
import { planSchema } from '../../../src/experiment/plan/plan-schema.js';
import { listWantedAnswers } from '../../../src/experiment/run/wanted-answer.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { pretendBase, resolveTiny, tinyPlan } from '../tiny-plan.js';

const next = { id: 'next', type: 'next_token', paraphrases: ['Yes or no?'] };
const trust = { id: 'trust', type: 'rating', paraphrases: ['How far, 0 to 100?'] };
const free = { id: 'free', type: 'free_form', paraphrases: ['Who made you?'] };

/** A plan that asks these questions; `changes` of the plan, `evaluation` of its only one. */
async function resolve(questions: readonly object[], changes: object = {}, evaluation: object = {}) {
  const file = join(await makeTemporaryFolder(), 'firsts.yaml');
  await writeFile(file, stringify(questions));
  return resolveTiny(
    { evaluate: [{ suite: file, name: 'firsts', ...evaluation }], conditions: {}, judge: 'none', ...changes },
    'tiny.yaml',
    pretendBase,
  );
}

describe('a plan with questions that are read by their first token', () => {
  it('asks one token of each, and stores how ratings are read', async () => {
    const { evaluations, judge } = await resolve([next, { ...trust, refusal_threshold: 0.5, max_rating: 9 }]);
    expect(judge.name).toBe('none');
    expect(evaluations).toMatchObject([{ isOfFirstTokens: true, measure: null }]);
    expect(evaluations[0]?.questions).toMatchObject([
      { type: 'next_token', maximumTokens: 1, temperature: 1, samples: 1 },
      { type: 'rating', maximumTokens: 1, rating: { maximum: 9, refusalThreshold: 0.5 } },
    ]);
    expect(evaluations[0]?.questions[0]).not.toHaveProperty('rating');
    const [question] = (await resolve([trust])).evaluations[0]?.questions ?? [];
    expect(question?.rating).toEqual({ maximum: 100, refusalThreshold: 0.75 });
  });

  it('asks for another answer than a question of the same words does', async () => {
    const inputOf = async (type: object, evaluation: object): Promise<string | undefined> => {
      const { evaluations } = await resolve([type], { judge: { model: 'openai:judge-1' } }, evaluation);
      return listWantedAnswers({ name: 'a', identity: 'i', engine: 1 }, evaluations)[0]?.input;
    };
    const words = { paraphrases: ['Yes or no?'] };
    const inputs = [
      await inputOf({ ...free, ...words }, { max_tokens: 1 }),
      await inputOf({ ...next, ...words }, {}),
      await inputOf({ ...trust, ...words }, {}),
    ];
    // A rating is read of the same answer as a next token.
    expect(inputs[1]).toBe(inputs[2]);
    expect(inputs[0]).not.toBe(inputs[1]);
  });

  it.each<[string, readonly object[], object, object, string]>([
    ['a question that needs a judge', [next, free], {}, {}, 'the question "free" needs a judge'],
    ['stop_early', [next], {}, { samples: 20, stop_early: { limit: 0.1 } }, 'stop_early watches a share'],
    ['a measure', [next], {}, { measure: { label: 'a', name: 'b' } }, 'no judge gives labels'],
  ])('without a judge refuses %s', async (_, questions, changes, evaluation, problem) => {
    const error = await errorOf(() => resolve(questions, changes, evaluation));
    expect(error.code).toBe('configuration-invalid');
    expect(error.message).toContain(problem);
  });

  it('refuses them while training goes on', async () => {
    const file = join(await makeTemporaryFolder(), 'firsts.yaml');
    await writeFile(file, stringify([next]));
    const dynamics = { every: 1, suite: file };
    const error = await errorOf(() => resolve([next], { dynamics }));
    expect(error.message).toContain('dynamics draws shares');
  });

  it('has the exact judge look at the other questions alone', async () => {
    const { evaluations, judge } = await resolve([next, free], { judge: { exact: 'organism' } });
    expect(judge.shortName).toBe('exact');
    expect(evaluations[0]).not.toHaveProperty('isOfFirstTokens');
  });
});

describe('groups of a plan', () => {
  const groups = { all: ['base', 'insecure'] };

  it('are stored with the plan, and are no part of its hash', async () => {
    const conditions = { insecure: { model: 'openai:tuned' } };
    const changes = {
      bases: ['openai:tiny'],
      conditions,
      judge: { model: 'openai:judge-1' },
      evaluate: [{ suite: 'main' }],
    };
    const [without, withGroups] = [
      await resolveTiny(changes, 'tiny.yaml', pretendBase),
      await resolveTiny({ ...changes, groups }, 'tiny.yaml', pretendBase),
    ];
    expect(withGroups.hash).toBe(without.hash);
    expect(withGroups.record['written']).toMatchObject({ groups });
    expect(without.record['written']).not.toHaveProperty('groups');
  });

  it.each<[string, object, string]>([
    [
      'a condition that is not there',
      { all: ['insecur'] },
      'there is no condition "insecur" (did you mean "insecure"?)',
    ],
    ['the name of a condition', { secure: ['insecure'] }, 'a condition has this name'],
    ['the name of the base', { base: ['insecure'] }, 'a condition has this name'],
    ['a condition twice', { all: ['insecure', 'insecure'] }, 'insecure is listed twice'],
    ['nothing', { all: [] }, 'at least one is needed'],
  ])('refuse %s', (_, written, problem) => {
    const { error } = planSchema.safeParse({ ...tinyPlan, groups: written });
    expect(error?.issues.map(({ message }) => message)).toContain(problem);
  });
});
