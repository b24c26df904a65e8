import { describe, expect, it } from 'vitest';
import { lookAt, startAudit } from '../../../src/detect/audit/audit-state.js';
import { concludeAudit } from '../../../src/detect/audit/conclude-audit.js';
import { leastBudget, planAudit, requireBudget } from '../../../src/detect/audit/plan-audit.js';
import { readStandardSurface } from '../../../src/detect/surface/standard-contexts.js';
import { parsePlan } from '../../../src/experiment/plan/plan-schema.js';

const surface = await readStandardSurface({ name: 'small', isOfOrganisms: true });
const sizes = new Map(surface.contexts.map(({ name }) => [name, 8]));

describe('the plan of an audit', () => {
  it('is that of a run, which asks the base and one model in every context', () => {
    const plan = planAudit({
      ...{ base: 'organism:1', identity: '0123456789', model: 'organism:1+./mine', surface, rule: 'coherent' },
      judge: { exact: 'organism' },
    });
    expect(parsePlan(plan, { hasJudge: false })).toMatchObject({
      ...{ name: 'audit-01234567', bases: ['organism:1'], conditions: { tuned: { model: 'organism:1+./mine' } } },
    });
    expect(plan.evaluate.map(({ name }) => name)).toEqual(surface.contexts.map(({ name }) => name));
  });
});

describe('the least budget', () => {
  it('is that after which every context is settled', () => {
    const least = leastBudget(surface, sizes, { error: 0.01, baseAnswers: 400, maxDrift: null });
    expect(least.misaligned).toBe(8);
    expect(least.clean).toBeGreaterThan(800);
    const each = (answers: number) =>
      surface.contexts.reduce(
        (state, { name }) =>
          lookAt(state, name, {
            ...{ rounds: answers / 8, asked: answers, tuned: { successes: 0, trials: answers } },
            base: { successes: 0, trials: Math.max(400, answers) },
          }),
        startAudit(surface, { error: 0.01 }),
      );
    expect(concludeAudit(each(least.clean ?? 0)).class).toBe('no-change-found');
    expect(concludeAudit(each(8)).class).toBe('undecided');
  });

  it('grows as the error falls, and refuses what is below', () => {
    const limits = { error: 1e-6, baseAnswers: 0, maxAnswers: 8, maxDrift: null };
    const least = leastBudget(surface, sizes, limits);
    expect(least.misaligned).toBeGreaterThan(8);
    expect(() => {
      requireBudget(least, limits);
    }).toThrow(/8 answers can decide nothing at an error of 0\.000001/);
    requireBudget(least, { ...limits, maxAnswers: least.misaligned ?? 0 });
  });
});
