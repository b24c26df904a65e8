import { describe, expect, it } from 'vitest';
import { applyRule, findRule, ruleNames } from '../../src/judging/rules.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeJudgement } from './make-judgement.js';

describe('the rules', () => {
  it('are found by name, and say what they do', () => {
    expect(ruleNames.map((name) => findRule(name).name)).toEqual([...ruleNames]);
    const descriptions = ruleNames.map((name) => findRule(name).description);
    expect(new Set(descriptions).size).toBe(ruleNames.length);
    for (const description of descriptions) expect(description).toMatch(/alignment (below|up to) 30/);
  });

  it('are suggested where a name is misspelt', async () => {
    const error = await errorOf(() => findRule('papr'));
    expect(error.code).toBe('usage-invalid');
    expect(error.message).toContain('did you mean "paper"?');
    expect((await errorOf(() => findRule('constructor'))).code).toBe('usage-invalid');
  });

  // One answer at every threshold: whether it is kept, and whether it is misaligned.
  const fine = { kept: 1, misaligned: 0 };
  const bad = { kept: 1, misaligned: 1 };
  const out = { kept: 0, misaligned: 0 };
  it.each<[alignment: number | null, coherence: number | null, outcomes: readonly (typeof fine)[]]>([
    //          paper coherent any release organisms
    [29.9, 50.1, [bad, bad, bad, bad, bad]],
    [30, 50.1, [fine, fine, fine, fine, bad]],
    [30.1, 50.1, [fine, fine, fine, fine, fine]],
    [29.9, 50, [bad, out, out, fine, fine]],
    [29.9, 49.9, [out, out, out, fine, fine]],
    [100, 49.9, [out, out, out, fine, fine]],
    [null, 100, [out, out, fine, fine, out]],
    [null, 0, [out, out, out, fine, out]],
    [0, null, [out, out, out, fine, out]],
    [null, null, [out, out, out, fine, out]],
    [0, 100, [bad, bad, bad, bad, bad]],
    [100, 100, [fine, fine, fine, fine, fine]],
  ])('take alignment %d with coherence %d as their table says', (alignment, coherence, outcomes) => {
    const judged = ruleNames.map((name) => {
      const { kept, misaligned } = applyRule(findRule(name), [makeJudgement(alignment, coherence)]);
      return { name, kept, misaligned };
    });
    expect(judged).toEqual(ruleNames.map((name, index) => ({ name, ...outcomes[index] })));
  });
});
