import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  hashDetector,
  readAuditCalibration,
  writeAuditCalibration,
} from '../../../src/detect/calibration/audit-calibration.js';
import { calibratedThreshold } from '../../../src/detect/calibration/calibrated-threshold.js';
import { describeBase } from '../../../src/detect/calibration/describe-base.js';
import { findCalibrated, type WantedCalibration } from '../../../src/detect/calibration/find-calibrated.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';
import { openSmallBase } from '../small-subject.js';
import { harmlessScores, smallCalibration } from './small-calibration.js';

const wanted: WantedCalibration = {
  base: { name: 'organism:1', identity: 'base', tokens: 'tokens' },
  ...{ edition: 2, name: 'choice-share', settings: 'set', surface: { name: 'small', hash: 'contexts' }, judge: null },
};

describe('a calibration', () => {
  it('is read as it was written, and what is wrong in it has a place', async () => {
    const file = join(await makeTemporaryFolder(), 'calibration.json');
    await writeAuditCalibration(file, smallCalibration(3));
    expect(await readAuditCalibration(file)).toEqual(smallCalibration(3));
    const text = JSON.stringify(smallCalibration(3), null, 2);
    const faults = [
      [text.replace('"run_max": 1.5', '"run_max": 0.5'), 'the highest score of a run is at least that of its end'],
      [text.replace('"run_max": 1.5', '"run_max": null'), 'it is 0 where run_max is null'],
      [text.replace('"checkpoints": 4', '"checkpoints": 0'), 'it is 0 where run_max is null'],
      [text.replace('mine.1', 'mine.0'), 'a fine-tune is there twice'],
      [text.replace('"kind"', '"kin"'), 'kind'],
      [text.replace('"format": 1', '"format": 2'), 'format'],
    ] as const;
    for (const [changed, message] of faults) {
      await writeFile(file, changed);
      const failed = await errorOf(() => readAuditCalibration(file));
      expect(failed.code).toBe('configuration-invalid');
      expect(failed.message).toContain(message);
      expect(failed.message).toMatch(/calibration\.json:\d+: /);
    }
    expect((await errorOf(() => readAuditCalibration(`${file}.no`))).code).toBe('file-unreadable');
  });

  it('is not taken for another base, edition, surface, judge or setting', async () => {
    const calibration = smallCalibration(3);
    expect(findCalibrated(calibration, wanted, 'mine.json')).toBe(calibration.detectors[0]);
    const cases: readonly (readonly [Partial<WantedCalibration>, string])[] = [
      [
        { base: { name: 'organism:2', identity: 'other', tokens: 'tokens' } },
        'base: organism:1, and what is wanted is organism:2.',
      ],
      [{ base: { name: 'organism:1', identity: 'other', tokens: 'more' } }, 'another organism:1'],
      [{ base: { name: 'organism:1', identity: 'other', tokens: 'more' } }, 'make different tokens of a conversation'],
      [{ edition: 1 }, "edition of the organism's world: 2"],
      [{ edition: null }, 'wanted is none'],
      [{ name: 'weight-norm' }, 'detector: choice-share'],
      [{ surface: { name: 'full', hash: 'more' } }, 'surface of choice-share: small'],
      [{ surface: { name: 'small', hash: 'more' } }, "another small, and what is wanted is today's"],
      [{ surface: null }, 'wanted is none'],
      [{ judge: { name: 'exact', rule: 'coherent' } }, 'judge of choice-share: nobody'],
      [{ settings: 'other' }, 'settings of choice-share: set'],
    ];
    for (const [changes, message] of cases) {
      const failed = await errorOf(() => findCalibrated(calibration, { ...wanted, ...changes }, 'mine.json'));
      expect(failed.code).toBe('calibration-differs');
      expect(failed.exitCode).toBe(2);
      expect(failed.message).toContain(message);
    }
  });

  it('has a detector twice where it looked at two surfaces', () => {
    const calibration = smallCalibration(3);
    const [one] = calibration.detectors;
    const full = { ...one!, surface: { name: 'full', hash: 'more' } };
    const both = { ...calibration, detectors: [full, one!] as [typeof full, typeof full] };
    expect(findCalibrated(both, wanted, 'mine.json')).toBe(one);
    expect(findCalibrated(both, { ...wanted, surface: full.surface }, 'mine.json')).toBe(full);
  });

  it('tells detectors apart by their settings and by what they learnt', () => {
    const detector = { name: 'choice-share', settings: { least: 1e-4 } };
    expect(hashDetector(detector, [1])).toBe(hashDetector({ ...detector }, [1]));
    expect(hashDetector(detector, [1])).not.toBe(hashDetector(detector, [2]));
    expect(hashDetector(detector, [1])).not.toBe(hashDetector({ ...detector, settings: { least: 1e-3 } }, [1]));
  });

  it('knows its base by its files, and by what it makes of conversations', async () => {
    const base = await openSmallBase();
    const found = await describeBase(base);
    expect(found).toMatchObject({ name: 'tiny', identity: base.identity });
    expect(found.tokens).toMatch(/^[0-9a-f]{64}$/);
    expect(await describeBase({ ...base, openInside: null })).toEqual({ ...found, tokens: null });
    const { openInside } = base;
    const other = await describeBase({
      ...base,
      openInside: async (tuned) => {
        const inside = await openInside!(tuned);
        return { ...inside, encode: (messages) => inside.encode(messages.slice(-1)) };
      },
    });
    expect(other.tokens).not.toBe(found.tokens);
  });
});

describe('a calibrated threshold', () => {
  it('is one of the scores of finished fine-tunes, or of whole runs', () => {
    const detector = { name: 'choice-share', scores: harmlessScores(19) };
    expect(calibratedThreshold(detector, 0.05, 'score')).toEqual({
      ...{ threshold: 19, rate: 0.05, fineTunes: 19, kinds: 2, checkpoints: null },
    });
    expect(calibratedThreshold(detector, 0.1, 'run_max')).toMatchObject({ threshold: 18.5, checkpoints: 4 });
  });

  it('claims no rate that so few fine-tunes cannot tell from 0', async () => {
    const detector = { name: 'choice-share', scores: harmlessScores(9) };
    expect(calibratedThreshold(detector, 0.1, 'run_max').threshold).toBe(9.5);
    const failed = await errorOf(() => calibratedThreshold(detector, 0.05, 'run_max'));
    expect(failed).toMatchObject({ code: 'usage-invalid' });
    expect(failed.message).toContain('1 in 10');
    expect(failed.hint).toContain('at least 19 fine-tunes');
    const lookedAtOnce = harmlessScores(9).map((one) => ({ ...one, run_max: null, checkpoints: 0 }));
    expect(
      (await errorOf(() => calibratedThreshold({ ...detector, scores: [lookedAtOnce[0]!] }, 0.1, 'run_max'))).code,
    ).toBe('usage-invalid');
  });
});
