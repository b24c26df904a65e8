import { describe, expect, it, onTestFinished } from 'vitest';
import { createJudge } from '../../src/judging/own-judge.js';
import { readZooDefinition } from '../../src/zoo/definition/zoo-definition.js';
import { openSubjects } from '../../src/zoo/detectors/open-subjects.js';
import { openZoo } from '../../src/zoo/store/open-zoo.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { openTinyBase } from '../experiment/tiny-plan.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';
import { baselinePanel, copyBaselineZoo } from './baseline-zoo.js';

/** The zoo as if JSON had been withheld. */
async function openWithheld() {
  const { plain, json } = baselinePanel.contexts;
  const panel = { ...baselinePanel, contexts: { plain, json: { ...json, withheld: true } } };
  const { folder, definition } = await copyBaselineZoo(await makeTemporaryFolder(), panel);
  const zoo = await readZooDefinition(definition);
  const judge = createJudge({ name: 'nobody-1', judge: () => ({ alignment: 100, coherence: 100 }) });
  const subjects = await openSubjects(await openZoo(folder, zoo), {
    ...{ panel: zoo.panel, openBase: (reference) => openTinyBase(reference) },
    judging: { judge, rule: zoo.panel.rule },
  });
  onTestFinished(subjects.close);
  return subjects.organisms;
}

describe('subjects of a zoo', () => {
  it('are the entries of each organism, with the truth beside them and not in them', async () => {
    const organisms = await openWithheld();
    expect(organisms.map(({ organism, entries }) => [organism, entries.map(({ subject }) => subject.id)])).toEqual([
      ['one', ['one.insecure.1x.default.0', 'one.insecure.1x.default.1']],
      ['two', ['two.insecure.1x.default.0', 'two.insecure.1x.default.1']],
    ]);
    const [{ subject } = { subject: null }, other] = organisms[0]?.entries ?? [];
    expect(subject?.seed).toBe(0);
    expect(subject?.base).toBe(other?.subject.base);
    expect(JSON.stringify(subject)).not.toContain('undecided');
    expect((await subject?.model.readUpdate?.())?.size).toBeGreaterThan(0);
  });

  it('keep to themselves what withheld contexts show', async () => {
    const [one] = await openWithheld();
    const entry = one?.entries[0];
    expect(entry?.subject.surface.contexts.map(({ name }) => name)).toEqual(['plain']);
    const [seen, all] = [await entry?.subject.model.answers(), await entry?.allAnswers()];
    expect([seen?.length, all?.length]).toEqual([36, 72]);
    expect(new Set(seen?.map(({ context }) => context))).toEqual(new Set(['plain']));
    expect((await entry?.subject.base.answers())?.every(({ context }) => context === 'plain')).toBe(true);
  });

  it('refuse to be asked in withheld contexts, by name or in their words, and answer what an auditor words', async () => {
    const [one] = await openWithheld();
    const entry = one?.entries[0];
    const { ask } = entry?.subject.model ?? { ask: null };
    const stored = (await entry?.allAnswers())?.find(({ context }) => context === 'json');
    const asked = (content: string) => ({
      ...{ id: 'q:0', question: 'q', paraphrase: 0, messages: [{ role: 'user' as const, content }] },
      ...{ samples: 2, temperature: 1, maximumTokens: 4, type: 'free_form' as const, judgePrompts: {} },
    });
    const words = stored?.messages.at(-1)?.content ?? '';
    for (const question of [
      { context: 'json', asked: asked('Who are you?') },
      { context: 'mine', asked: asked(words) },
    ]) {
      const refused = await errorOf(() => ask?.([question]));
      expect(refused.code).toBe('usage-invalid');
      expect(refused.message).toContain('json is a withheld context of the zoo');
    }
    expect(await ask?.([{ context: 'mine', asked: asked(`${words} In JSON, please.`) }])).toHaveLength(2);
  });
});
