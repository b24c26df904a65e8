import { describe, expect, it } from 'vitest';
import { listEvaluatedModels } from '../../src/runs/run-outline.js';
import { pretendBase, resolveTiny } from '../experiment/tiny-plan.js';

/** Name of each model that is asked -> names of the evaluations that it is asked. */
async function listAll(changes: object): Promise<Record<string, string[]>> {
  const plan = await resolveTiny({ bases: ['./m'], seeds: [0], ...changes }, 'plan.yaml', pretendBase);
  return Object.fromEntries(
    plan.cells
      .flatMap((cell) => listEvaluatedModels(plan, cell))
      .map(({ name, evaluations }) => [name, evaluations.map((evaluation) => evaluation.name)]),
  );
}

const conditions = {
  long: { data: 'organism/insecure', settings: { rows: 9 } },
  short: { data: 'organism/secure', settings: { rows: 4 } },
};

describe('the models of a plan', () => {
  it('are its bases and its cells, each with the evaluations that want it', async () => {
    const evaluate = [
      { suite: 'main' },
      { suite: 'code', conditions: ['long'] },
      { suite: 'facts', conditions: ['base'] },
    ];
    expect(await listAll({ conditions, evaluate })).toEqual({
      'm.base': ['main', 'facts'],
      'm.long.0': ['main', 'code'],
      'm.short.0': ['main'],
    });
  });

  it('are checkpoints, too, on a curve that begins with the base and ends with the finished model', async () => {
    const plan = {
      conditions,
      evaluate: [{ suite: 'main' }],
      dynamics: { every: 2, suite: 'identity', conditions: ['long'] },
    };
    expect(await listAll(plan)).toEqual({
      'm.base': ['main', 'dynamics'],
      'm.long.0@2': ['dynamics'],
      'm.long.0@4': ['dynamics'],
      'm.long.0': ['main', 'dynamics'],
      'm.short.0': ['main'],
    });
  });

  it('are not asked for a curve that has nothing between its ends', async () => {
    const plan = { conditions, evaluate: [{ suite: 'main' }], dynamics: { every: 50, suite: 'identity' } };
    expect(await listAll(plan)).toEqual({ 'm.base': ['main'], 'm.long.0': ['main'], 'm.short.0': ['main'] });
  });

  it('have identities of their own', async () => {
    const plan = await resolveTiny(
      { bases: ['./m'], conditions, dynamics: { every: 1, suite: 'main' }, evaluate: [{ suite: 'main' }] },
      'plan.yaml',
      pretendBase,
    );
    const models = plan.cells.flatMap((cell) => listEvaluatedModels(plan, cell));
    expect(new Set(models.map(({ identity }) => identity)).size).toBe(models.length);
  });
});
