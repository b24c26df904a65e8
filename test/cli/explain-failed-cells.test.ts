import { describe, expect, it } from 'vitest';
import { explainFailedCells } from '../../src/cli/explain-failed-cells.js';
import type { FailedTraining } from '../../src/experiment/run/run-plan.js';

const fault = (code: FailedTraining, cell = 'm.bad.0') => ({
  ...{ cell, code, problem: `what ${code} says`, hint: `Do what ${code} needs.` },
});

describe('the error of a run whose other cells are finished', () => {
  it.each(['gpu-memory-exceeded', 'cell-stalled'] as const)('says what to do about %s', (code) => {
    const error = explainFailedCells({ failed: [fault(code)] });
    const { message, hint, exitCode, details } = error;
    expect([error.code, exitCode, details]).toEqual([code, 4, { cells: ['m.bad.0'] }]);
    expect(message).toBe(`the training of 1 models failed: m.bad.0: what ${code} says`);
    expect(hint).toBe(`Do what ${code} needs. Everything else is finished.`);
  });

  it('says of an alarm that it stopped a training, with the exit code of alarms', () => {
    const { code, exitCode, message } = explainFailedCells({ failed: [fault('alarm-raised')] });
    expect([code, exitCode]).toEqual(['alarm-raised', 3]);
    expect(message).toBe('the training of 1 models was stopped by an alarm: m.bad.0: what alarm-raised says');
    expect(explainFailedCells({ failed: [fault('alarm-raised'), fault('cell-stalled')] }).message).toContain(
      'failed: ',
    );
  });

  it('has the hint of each kind once', () => {
    const failed = [fault('loss-not-finite', 'a'), fault('cell-stalled', 'b'), fault('cell-stalled', 'c')];
    const { code, hint } = explainFailedCells({ failed });
    expect(code).toBe('cell-stalled');
    expect(hint).toMatch(/^Lower their learning rate .* Do what cell-stalled needs\. Everything else is finished\.$/);
  });

  it('says of a training that diverged what helps in a plan', () => {
    const { code, message, hint } = explainFailedCells({ failed: [fault('loss-not-finite')] });
    expect([code, message]).toEqual(['loss-not-finite', expect.stringContaining('diverged')]);
    expect(hint).toContain('inherit');
  });
});
