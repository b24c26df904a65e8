import { describe, it } from 'vitest';

import { gateFeedForward } from '../../../src/engine/autodiff/operators/gate-feed-forward.js';
import { checkGradient, fixed, watched } from './check-gradient.js';

describe('gateFeedForward', () => {
  it('of gate and up', async () => {
    await checkGradient({
      inputs: { gate: watched([4, 6], ['tokens', 6]), up: watched([4, 6], ['tokens', 6]) },
      build: (tape, { gate, up }) => gateFeedForward(tape, gate, up),
    });
  });

  it('far from zero, where the logistic function is flat', async () => {
    await checkGradient({
      inputs: { gate: watched([4, 6], ['tokens', 6], 8), up: watched([4, 6], ['tokens', 6]) },
      build: (tape, { gate, up }) => gateFeedForward(tape, gate, up),
    });
  });

  it.each(['gate', 'up'] as const)('where only %s is watched', async (only) => {
    const part = (name: 'gate' | 'up') => (name === only ? watched : fixed)([4, 6]);
    await checkGradient({
      inputs: { gate: part('gate'), up: part('up') },
      build: (tape, { gate, up }) => gateFeedForward(tape, gate, up),
    });
  });
});
