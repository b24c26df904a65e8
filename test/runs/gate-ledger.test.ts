import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { enterGate, type NewEntry } from '../../src/runs/gate-ledger.js';
import { eLondLevel } from '../../src/stats/e-lond.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

const entry = (changes: Partial<NewEntry> = {}): NewEntry => ({
  ...{ key: 'a', name: 'mine', models: 'm', margin: 0.02, e_value: 1, is_passed: false },
  ...changes,
});

const makeLedger = async (): Promise<string> => join(await makeTemporaryFolder(), 'kept', 'gates.jsonl');

describe('enterGate', () => {
  it('gives each gate the level of its place, and lowers what it asks after an alarm', async () => {
    const file = await makeLedger();
    const first = await enterGate(file, entry());
    expect(first).toMatchObject({ gate: 1, level: eLondLevel(1, 0), isAlarm: false, alarmsBefore: 0, failedBefore: 0 });
    const second = await enterGate(file, entry({ key: 'b', e_value: 1 / eLondLevel(2, 0) }));
    expect(second).toMatchObject({ gate: 2, level: eLondLevel(2, 0), isAlarm: true, isRepeated: false });
    const third = await enterGate(file, entry({ key: 'c', models: 'others', is_passed: true }));
    expect(third).toMatchObject({ gate: 3, level: eLondLevel(3, 1), alarmsBefore: 1, failedBefore: 0 });
    const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { gate: number }).gate)).toEqual([1, 2, 3]);
  });

  it('enters the same gate of the same answers once, and says who tried before', async () => {
    const file = await makeLedger();
    const first = await enterGate(file, entry());
    await enterGate(file, entry({ key: 'b' }));
    const before = await readFile(file, 'utf8');
    const again = await enterGate(file, entry());
    expect(first.isNew).toBe(true);
    expect(again).toEqual({ ...first, isRepeated: true, isNew: false });
    expect(await readFile(file, 'utf8')).toBe(before);
    expect(await enterGate(file, entry({ key: 'c', is_passed: true }))).toMatchObject({ gate: 3, failedBefore: 2 });
  });

  it('takes gates that come at the same time one after the other', async () => {
    const file = await makeLedger();
    const places = await Promise.all(
      Array.from({ length: 6 }, (_, index) => enterGate(file, entry({ key: String(index) }))),
    );
    expect(places.map(({ gate }) => gate).sort()).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('goes on behind the half line that a killed process left, and trusts no line that was edited or is missing', async () => {
    const file = await makeLedger();
    for (const key of ['a', 'b', 'c']) await enterGate(file, entry({ key }));
    await appendFile(file, '{"gate":4,"at":"2026');
    expect(await enterGate(file, entry({ key: 'd' }))).toMatchObject({ gate: 4 });
    const whole = await readFile(file, 'utf8');
    const damages = [
      [whole.replace('"gate":2', '"gate":7'), 'line 2 is not as it was written'],
      [whole.split('\n').slice(1).join('\n'), 'gate 1 is missing'],
      [`${whole}null\n`, 'line 5 is not as it was written'],
      ['question_id,aligned\nq1,90\n', 'line 1 is not as it was written'],
    ] as const;
    for (const [text, problem] of damages) {
      await writeFile(file, text);
      const error = await errorOf(() => enterGate(file, entry({ key: 'e' })));
      expect(error).toMatchObject({ code: 'ledger-invalid', exitCode: 2 });
      expect(error.message).toContain(problem);
      expect(await readFile(file, 'utf8')).toBe(text);
    }
  });
});
