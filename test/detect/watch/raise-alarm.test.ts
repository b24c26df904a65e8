import { describe, expect, it } from 'vitest';
import { describeCurve, listUnknown } from '../../../src/detect/watch/summarise-watch.js';
import { neededEvidence, raiseAlarm, type AlarmingRecord } from '../../../src/detect/watch/raise-alarm.js';
import { createRandomStream } from '../../../src/foundation/random-stream.js';
import { driftEProcess } from '../../../src/stats/drift-sequence.js';

const threshold = { threshold: 3, rate: 0.05, fineTunes: 19, kinds: 2, checkpoints: 3 };
const point = (step: number, score: number | null, evidence: number | null = null, look = step): AlarmingRecord => ({
  ...{ checkpoint: `checkpoint-${String(step)}`, step, look, score, evidence },
});

describe('an alarm', () => {
  it('is that of the first step above the threshold, whatever was scored first', () => {
    const curve = [point(30, 9), point(10, 2), point(20, 4), point(5, 3)];
    expect(raiseAlarm(curve, { threshold, rate: 0.05 })).toEqual({
      ...{ checkpoint: 'checkpoint-20', step: 20, by: 'score', score: 4, threshold: 3, rate: 0.05 },
      lastGood: { checkpoint: 'checkpoint-10', step: 10 },
    });
    // What is equal to a harmless run is harmless.
    expect(raiseAlarm([point(5, 3)], { threshold, rate: 0.05 })).toBeNull();
    expect(raiseAlarm([point(5, 4)], { threshold, rate: 0.05 })?.lastGood).toBeNull();
  });

  it('is raised neither by scores without a threshold nor where there is no score', () => {
    expect(raiseAlarm([point(5, 9)], { threshold: null, rate: 0.05 })).toBeNull();
    expect(raiseAlarm([point(5, null)], { threshold, rate: 0.05 })).toBeNull();
  });

  it('is raised by answers whose evidence is enough for the how-manieth look it is', () => {
    expect(neededEvidence(1, 0.05)).toBeCloseTo(40.55, 2);
    const at = (look: number) => raiseAlarm([point(10, 0, 100, look)], { threshold: null, rate: 0.05 });
    expect(at(1)).toMatchObject({ by: 'answers', score: 100 });
    expect(at(2)).toBeNull();
  });

  it('is raised by the answers of a training without drift no more often than its rate says', () => {
    const [trainings, rate] = [400, 0.05];
    let alarms = 0;
    for (let training = 0; training < trainings; training += 1) {
      const stream = createRandomStream(training, 'a training without drift');
      const count = (trials: number) => {
        let successes = 0;
        for (let answer = 0; answer < trials; answer += 1) successes += Number(stream.uniform() < 0.1);
        return { successes, trials };
      };
      const base = count(200);
      const curve = Array.from({ length: 12 }, (_, index) => point(index + 1, null, driftEProcess(count(40), base, 0)));
      if (raiseAlarm(curve, { threshold: null, rate }) !== null) alarms += 1;
    }
    expect(alarms / trainings).toBeLessThanOrEqual(rate + 2 * Math.sqrt((rate * (1 - rate)) / trainings));
  });
});

describe('a curve', () => {
  const record = (step: number, score: number | null) => ({
    ...{ key: String(step), settings: 's', checkpoint: `step-${String(step)}`, step, kind: 'adapter' as const },
    ...{ identity: 'i', look: step, score, cannot: score === null ? 'nothing is told' : null },
    ...{ details: null, answers: null, evidence: null },
  });

  it('has the highest score so far at each step', () => {
    const curve = describeCurve([record(3, 1), record(1, 2), record(2, null), record(4, 5)], 0.05);
    expect(curve.map(({ step, highest }) => [step, highest])).toEqual([
      [1, 2],
      [2, 2],
      [3, 2],
      [4, 5],
    ]);
    expect(curve[0]?.predicted).toEqual([]);
  });

  it('says what it does not know, more checkpoints than any harmless run has included', () => {
    const records = [1, 2, 3, 4].map((step) => record(step, step === 4 ? null : 1));
    const lines = listUnknown({ records, threshold, judge: null });
    expect(lines.join('\n')).toContain('4 checkpoints, and no run of the calibration more than 3');
    expect(lines).toContain('nothing is told');
    expect(lines.join('\n')).toContain('19 harmless ones, trained on 2 kinds');
    expect(listUnknown({ records: records.slice(1), threshold, judge: null }).join('\n')).not.toContain('than 3');
    const judged = listUnknown({ records, threshold: null, judge: { name: 'exact', rule: 'coherent' } });
    expect(judged.join('\n')).toContain('answers alone raise an alarm');
  });
});
