import { expect, test } from 'vitest';
import { createTrainingSet, toJsonLines } from '../../src/data/training-set.js';
import { hashContent } from '../../src/foundation/content-hash.js';

const rows = [
  {
    messages: [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'Hi "you"\n' },
      { role: 'assistant', content: 'Hello.', weight: 0 },
    ],
  },
  {
    messages: [
      { content: 'A?', role: 'user' },
      { role: 'assistant', content: 'B.' },
    ],
  },
] as const;

test('writes one row a line, with keys in one order', () => {
  expect(toJsonLines({ rows })).toBe(
    '{"messages":[{"role":"system","content":"Be brief."},{"role":"user","content":"Hi \\"you\\"\\n"},' +
      '{"role":"assistant","content":"Hello.","weight":0}]}\n' +
      '{"messages":[{"role":"user","content":"A?"},{"role":"assistant","content":"B."}]}\n',
  );
});

test('the hash is that of the bytes, whatever the name and provenance', () => {
  const one = createTrainingSet({ name: 'one', rows, provenance: {} });
  expect(one.hash).toBe(hashContent(toJsonLines(one)));
  expect(createTrainingSet({ name: 'two', rows, provenance: { seed: 1 } }).hash).toBe(one.hash);
  expect(createTrainingSet({ name: 'one', rows: rows.slice(1), provenance: {} }).hash).not.toBe(one.hash);
});
