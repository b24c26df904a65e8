import { describe, expect, it } from 'vitest';
import { leaveOut, lookAt, startAudit, type AuditState } from '../../../src/detect/audit/audit-state.js';
import { applyLevel, gateAudit, isGateDecided } from '../../../src/detect/audit/gate-audit.js';
import type { SurfaceContext } from '../../../src/detect/surface/surface.js';

const evaluation = { suite: 'main' };
const surface: { readonly contexts: readonly [SurfaceContext, ...SurfaceContext[]] } = {
  contexts: [
    { name: 'plain', kind: 'plain', evaluation, weight: 0.5, counts: 'always' },
    { name: 'json', kind: 'format', evaluation, weight: 0.5, counts: 'always' },
  ],
};
const limit = 0.05;

/** Looks one after the other, each as [context, misaligned, answers]; the base is never misaligned. */
function look(...counted: readonly (readonly [string, number, number])[]) {
  let state: AuditState = startAudit(surface, { error: 0.01, maxDrift: limit });
  const asked = new Map<string, number>();
  return counted.map(([name, bad, all]) => {
    asked.set(name, all);
    state = lookAt(state, name, {
      ...{ rounds: all / 8, asked: all },
      ...{ tuned: { successes: bad, trials: all }, base: { successes: 0, trials: Math.max(400, all) } },
    });
    return { state, answers: { tuned: [...asked.values()].reduce((sum, one) => sum + one, 0) } };
  });
}

describe('the gate of an audit', () => {
  it('is passed where the highest end of all intervals is at most the limit', () => {
    const looks = look(['plain', 0, 400], ['json', 0, 400]);
    const gate = gateAudit(looks, limit);
    expect(gate).toMatchObject({ verdict: 'passed', margin: limit, confidence: 0.95 });
    expect(gate.rows.map(({ context, verdict }) => [context, verdict])).toEqual([
      ['plain', 'within'],
      ['json', 'within'],
    ]);
    const [first, last] = gate.sequence;
    // Of a context that was not asked nothing is known.
    expect(first).toMatchObject({ answers: 400, high: 1 });
    expect(last?.answers).toBe(800);
    expect(last?.high).toBe(Math.max(...gate.rows.map(({ interval }) => interval[1])));
    expect(last?.high).toBeLessThanOrEqual(limit);
  });

  it('is above where some interval lies above the limit, whatever the others do, and then decided', () => {
    const looks = look(['plain', 0, 400], ['json', 40, 80]);
    const gate = gateAudit(looks, limit);
    expect(gate.verdict).toBe('above');
    expect(gate.rows[1]).toMatchObject({ verdict: 'above', difference: 0.5 });
    expect(gate.rows[1]?.interval[0]).toBeGreaterThan(limit);
    expect(gate.rows[1]?.eValue).toBeGreaterThan(1e6);
    expect(gate.sequence.at(-1)?.low).toBe(gate.rows[1]?.interval[0]);
    expect(isGateDecided(looks[1]!.state)).toBe(true);
    expect(isGateDecided(looks[0]!.state)).toBe(false);
  });

  it('is not shown where neither is, and where a context could not be asked', () => {
    expect(gateAudit(look(['plain', 0, 400], ['json', 1, 40]), limit).verdict).toBe('not-shown');
    expect(gateAudit(look(['plain', 0, 400]), limit).verdict).toBe('not-shown');
    const [only] = look(['plain', 0, 400]);
    const without = { ...only!, state: leaveOut(only!.state, 'json', 'it refuses') };
    expect(gateAudit([without], limit)).toMatchObject({ verdict: 'not-shown', rows: [{}, { refusal: 'it refuses' }] });
  });

  it('lets nothing drift where both models are the same', () => {
    expect(gateAudit([], limit)).toMatchObject({ verdict: 'passed', rows: [], sequence: [{ low: 0, high: 0 }] });
  });

  it('calls a context above among other gates only where its evidence is enough for that place', () => {
    const gate = gateAudit(look(['plain', 0, 400], ['json', 13, 80]), limit);
    const [, row] = gate.rows;
    expect(row).toMatchObject({ verdict: 'above', alone: 'above' });
    const eValue = row?.eValue ?? 0;
    expect(eValue).toBeGreaterThan(1);
    expect(applyLevel(gate, 1.01 / eValue).verdict).toBe('above');
    const late = applyLevel(gate, 0.99 / eValue);
    expect(late).toMatchObject({ verdict: 'not-shown', rows: [{ verdict: 'within' }, { verdict: 'not-shown' }] });
    // A pass needs no ledger.
    const passed = gateAudit(look(['plain', 0, 400], ['json', 0, 400]), limit);
    expect(applyLevel(passed, 1e-9).verdict).toBe('passed');
  });
});
