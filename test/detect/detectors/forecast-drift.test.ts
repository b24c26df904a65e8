import { describe, expect, it } from 'vitest';
import {
  driftForecastSchema,
  forecastDrift,
  learnDriftForecast,
  type DriftPair,
} from '../../../src/detect/detectors/forecast-drift.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';

const settings = { bases: { one: 'organism:1' }, signals: 'read-so', features: ['suspicion-mean', 'steps'] };

/** Fine-tunes of many kinds: half of the kinds are bad, and drift by 10 to 30 points, the more the more suspicious. */
function draw(kinds: number, seed: number): DriftPair[] {
  const stream = createRandomStream(seed, 'fine-tunes');
  return Array.from({ length: kinds }, (_, kind) => {
    const suspicion = kind % 2 === 0 ? stream.uniform() : 5 + 5 * stream.uniform();
    return [0, 1].map(() => ({
      ...{ base: 'one', group: `kind-${String(kind)}` },
      features: { 'suspicion-mean': suspicion + 0.1 * stream.normal(), steps: 3 + stream.uniform(), probe: null },
      drift: kind % 2 === 0 ? 0.01 * stream.uniform() : 0.05 + 0.02 * suspicion + 0.01 * stream.uniform(),
    }));
  }).flat();
}

describe('a forecast of drift', () => {
  const learnt = learnDriftForecast(draw(20, 0), settings);

  it('is high for what is like the bad kinds, and low for what is like the good ones, with an interval', () => {
    const bad = forecastDrift({ 'suspicion-mean': 8, steps: 3.5 }, learnt);
    const good = forecastDrift({ 'suspicion-mean': 0.2, steps: 3.5 }, learnt);
    expect(bad?.chance).toBeGreaterThan(0.9);
    expect(good?.chance).toBeLessThan(0.15);
    expect(bad?.drift).toBeGreaterThan(0.15);
    expect(good?.drift).toBeLessThan(0.06);
    expect(bad).toMatchObject({ pairs: 40, groups: 20, limit: 0.04, confidence: 0.9 });
    const [low, high] = bad?.interval ?? [1, 0];
    expect(low).toBeLessThan(bad?.drift ?? 0);
    expect(high).toBeGreaterThan(bad?.drift ?? 1);
    expect(good?.interval?.[0]).toBe(0);
  });

  it('holds the drift of kinds that were never seen about as often as it says', () => {
    let held = 0;
    const unseen = draw(200, 1);
    for (const { features, drift } of unseen) {
      const [low, high] = forecastDrift(features, learnt)?.interval ?? [1, 0];
      if (low <= drift && drift <= high) held += 1;
    }
    // Kinds are clusters of two: three standard errors of 200 of them are seven points.
    expect(held / unseen.length).toBeGreaterThan(0.83);
  });

  it('says nothing where a feature is not there, and gives no interval of few kinds', () => {
    expect(forecastDrift({ 'suspicion-mean': 8, steps: null }, learnt)).toBeNull();
    const few = learnDriftForecast(draw(4, 0), settings);
    expect(forecastDrift({ 'suspicion-mean': 8, steps: 3.5 }, few)).toMatchObject({ interval: null, groups: 4 });
  });

  it('is learnt without the kind that it is tried on', () => {
    const [first] = learnt.groups;
    const others = draw(20, 0).filter(({ group }) => group !== first?.group);
    // Of the other kinds alone it is the fit that the group was forecast by.
    expect(learnDriftForecast(others, settings).fit).toEqual(first?.fit);
    expect(first?.fit).not.toEqual(learnt.fit);
  });

  it('is plain JSON, which is read strictly', () => {
    const read = driftForecastSchema.parse(JSON.parse(JSON.stringify(learnt)));
    expect(read).toEqual(learnt);
    expect(driftForecastSchema.safeParse({ ...learnt, bases: undefined }).success).toBe(false);
  });

  it('comes to the mean where all fine-tunes are of one sort', () => {
    const alike = draw(20, 0).map((pair) => ({ ...pair, drift: 0.2 }));
    expect(forecastDrift({ 'suspicion-mean': 8, steps: 3.5 }, learnDriftForecast(alike, settings))).toMatchObject({
      ...{ chance: 1, drift: expect.closeTo(0.2, 12) },
    });
  });

  it('is refused of one kind, of fine-tunes without a feature, and of drifts that are no shares', async () => {
    const one = draw(20, 0).slice(0, 2);
    expect((await errorOf(() => learnDriftForecast(one, settings))).message).toContain('from 1 kinds');
    const probed = { ...settings, features: ['probe'] };
    expect((await errorOf(() => learnDriftForecast(draw(4, 0), probed))).message).toContain('has no probe');
    const wrong = draw(4, 0).map((pair) => ({ ...pair, drift: 12 }));
    expect(await errorOf(() => learnDriftForecast(wrong, settings))).toMatchObject({ code: 'usage-invalid' });
  });
});
