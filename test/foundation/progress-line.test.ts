import { describe, expect, it } from 'vitest';
import {
  createProgressLine,
  type ProgressLine,
  type ProgressLineSettings,
  type ProgressNote,
} from '../../src/foundation/progress-line.js';

interface Scene {
  readonly progress: ProgressLine;
  /** Everything written so far, one entry a call. */
  readonly written: string[];
  updateAt(milliseconds: number, count: number, note?: ProgressNote): void;
}

function createScene(
  settings: Partial<Omit<ProgressLineSettings, 'stream' | 'now'>> & { isTTY?: boolean; columns?: number } = {},
): Scene {
  const written: string[] = [];
  let time = 1_000_000;
  const start = time;
  const { isTTY = false, columns = 80, ...others } = settings;
  const progress = createProgressLine({
    label: 'training',
    total: 200,
    unit: 'steps',
    environment: { NO_COLOR: '1' },
    ...others,
    stream: { isTTY, columns, write: (text) => written.push(text) },
    now: () => time,
  });
  return {
    progress,
    written,
    updateAt(milliseconds, count, note) {
      time = start + milliseconds;
      progress.update(count, note);
    },
  };
}

describe('createProgressLine', () => {
  it('says nothing of what takes less than two seconds', () => {
    const { progress, written, updateAt } = createScene();
    updateAt(1000, 100);
    updateAt(1999, 200);
    progress.finish();
    expect(written).toEqual([]);
  });

  it('writes a plain line every five seconds where there is no terminal, and one at the end', () => {
    const { progress, written, updateAt } = createScene();
    for (let second = 1; second <= 20; second++) updateAt(1000 * second, 10 * second);
    progress.finish();
    progress.finish();
    expect(written).toEqual([
      'training 20/200 steps (10%), 10 steps/s, 18 s left\n',
      'training 70/200 steps (35%), 10 steps/s, 13 s left\n',
      'training 120/200 steps (60%), 10 steps/s, 8 s left\n',
      'training 170/200 steps (85%), 10 steps/s, 3 s left\n',
      'training 200/200 steps (100%), 10 steps/s, in 20 s\n',
    ]);
  });

  it('finds out a note that is a function when it draws a line, and no sooner', () => {
    const { written, updateAt, progress } = createScene();
    let asked = 0;
    const note = (): string => `note ${String((asked += 1))}`;
    for (const time of [0, 2500, 3000, 4000, 7600]) updateAt(time, 10, note);
    expect(asked).toBe(2);
    expect(written.map((line) => line.match(/note \d/)?.[0])).toEqual(['note 1', 'note 2']);
    progress.finish();
    expect(written.at(-1)).toContain('note 3');
  });

  it('redraws one line on a terminal, at most ten times a second, and ends it', () => {
    const { progress, written, updateAt } = createScene({ isTTY: true });
    updateAt(2000, 20, 'loss 1.5');
    updateAt(2050, 21);
    updateAt(2100, 21);
    progress.finish();
    expect(written).toEqual([
      '\r\u001b[2Ktraining 20/200 steps (10%), loss 1.5, 10 steps/s, 18 s left',
      '\r\u001b[2Ktraining 21/200 steps (10%), 10 steps/s, 18 s left',
      '\r\u001b[2Ktraining 21/200 steps (10%), 10 steps/s, 18 s left, 2 s so far\n',
    ]);
  });

  it('never fills the terminal to its last column', () => {
    const { written, updateAt } = createScene({ isTTY: true, columns: 30 });
    updateAt(2000, 20);
    expect(written).toEqual(['\r\u001b[2Ktraining 20/200 steps (10%), ']);
  });

  it('colours on a terminal only, unless NO_COLOR has a value', () => {
    const dim = '\u001b[2m';
    const draw = (environment: Record<string, string>, isTTY = true) => {
      const { written, updateAt } = createScene({ isTTY, environment });
      updateAt(2000, 20);
      return written.join('');
    };
    expect(draw({})).toContain(dim);
    expect(draw({ NO_COLOR: '' })).toContain(dim);
    expect(draw({ NO_COLOR: '1' })).not.toContain(dim);
    expect(draw({}, false)).not.toContain('\u001b');
    expect(draw({ TERM: 'dumb' })).not.toContain('\u001b');
  });

  it('counts, without share and time left, where the total is unknown', () => {
    const { written, updateAt } = createScene({ total: null });
    updateAt(4000, 6);
    expect(written).toEqual(['training 6 steps, 1.5 steps/s\n']);
  });

  it('does not take what an earlier run did for its own pace', () => {
    const { written, updateAt } = createScene({ initialCount: 100 });
    updateAt(2000, 100);
    updateAt(10_000, 110);
    expect(written).toEqual([
      'training 100/200 steps (50%)\n',
      'training 110/200 steps (55%), 1 steps/s, 1 min 30 s left\n',
    ]);
  });
});
