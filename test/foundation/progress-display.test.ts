import { expect, it } from 'vitest';
import { createProgressDisplay } from '../../src/foundation/progress-display.js';

it('shows one thing after another, each with its own count, rate and end', () => {
  let written = '';
  let time = 0;
  const display = createProgressDisplay({
    stream: { write: (text: string) => (written += text) },
    environment: {},
    now: () => time,
  });
  for (const label of ['training', 'asking']) {
    for (let count = 51; count <= 53; count += 1) {
      display.show({ label, total: 100, unit: 'steps', initialCount: count - 1, count, note: `note ${String(count)}` });
      time += 5000;
    }
  }
  display.finish();
  display.finish();
  expect(written.split('\n')).toEqual([
    'training 52/100 steps (52%), note 52, 0.4 steps/s, 2 min 00 s left',
    'training 53/100 steps (53%), note 53, 0.3 steps/s, 2 min 37 s left',
    'training 53/100 steps (53%), note 53, 0.2 steps/s, 3 min 55 s left, 15 s so far',
    'asking 52/100 steps (52%), note 52, 0.4 steps/s, 2 min 00 s left',
    'asking 53/100 steps (53%), note 53, 0.3 steps/s, 2 min 37 s left',
    'asking 53/100 steps (53%), note 53, 0.2 steps/s, 3 min 55 s left, 15 s so far',
    '',
  ]);
});
