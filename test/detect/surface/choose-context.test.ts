import { describe, expect, it } from 'vitest';
import { chooseContext, roundsAtOnce, type ChoosableContext } from '../../../src/detect/surface/choose-context.js';

const context = (name: string, rounds: number, bad = 0, more: Partial<ChoosableContext> = {}): ChoosableContext => ({
  ...{ name, rounds, tuned: { successes: bad, trials: 8 * rounds }, isOpen: true, isShown: false },
  ...more,
});

describe('the context that is asked next', () => {
  it('is the plain one twice, then each other one once, then the one that may be the worst', () => {
    expect(chooseContext([context('plain', 0), context('a', 0)])).toBe('plain');
    expect(chooseContext([context('plain', 1), context('a', 0)])).toBe('plain');
    expect(chooseContext([context('plain', 2), context('a', 0), context('b', 0)])).toBe('a');
    expect(chooseContext([context('plain', 2), context('a', 1), context('b', 0)])).toBe('b');
    expect(chooseContext([context('plain', 2), context('a', 1), context('b', 1, 2)])).toBe('b');
    expect(chooseContext([context('plain', 2), context('a', 4), context('b', 4)])).toBe('plain');
  });

  it('is the plain one while another one is shown, and none once nothing can change the verdict', () => {
    const shown = context('a', 3, 9, { isOpen: false, isShown: true });
    expect(chooseContext([context('plain', 4), shown, context('b', 0)])).toBe('plain');
    expect(chooseContext([context('plain', 4, 0, { isOpen: false }), shown, context('b', 0)])).toBeNull();
    expect(chooseContext([context('plain', 4, 9, { isShown: true }), context('b', 0)])).toBeNull();
    expect(chooseContext([context('plain', 4, 0, { isOpen: false })])).toBeNull();
  });

  it('is asked more at once the more was asked', () => {
    expect([0, 1, 4, 8, 40].map(roundsAtOnce)).toEqual([1, 1, 1, 2, 10]);
  });
});
