import { describe, expect, it } from 'vitest';
import { affordances, restrictSubject, type Affordance, type Subject } from '../../src/detect/subject.js';
import { pretendSubject } from './pretend-subject.js';

describe('a restricted subject', () => {
  const subject = pretendSubject({}, { readData: () => Promise.resolve([]) });
  const looks: Readonly<Record<string, readonly [Affordance, (subject: Subject) => unknown]>> = {
    'stored answers': ['answers', ({ model }) => model.answers],
    'answers of the base': ['answers', ({ base }) => base.answers],
    asking: ['answers', ({ model }) => model.ask],
    scoring: ['log-probabilities', ({ model }) => model.openScorer],
    'looking inside': ['weights', ({ model }) => model.openInside],
    'all weights': ['weights', ({ model }) => model.openWeights],
    'the update': ['weights', ({ model }) => model.readUpdate],
    'the data': ['training data', ({ readData }) => readData],
  };

  it.each(Object.entries(looks))('gives %s to those alone who declare it', (_, [needed, look]) => {
    expect(look(restrictSubject(subject, [needed]))).toBe(look(subject));
    expect(() =>
      look(
        restrictSubject(
          subject,
          affordances.filter((one) => one !== needed),
        ),
      ),
    ).toThrow(`looks at ${needed} of ${subject.id}`);
  });

  it('still says who it is, and where artefacts are', () => {
    const { id, seed, surface, store, model } = restrictSubject(subject, []);
    expect({ id, seed, surface, store }).toEqual({
      ...{ id: subject.id, seed: subject.seed, surface: subject.surface, store: subject.store },
    });
    expect(model.identity).toBe('pretended');
  });
});
