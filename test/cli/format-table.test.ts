import { expect, it } from 'vitest';
import { formatTable } from '../../src/cli/format-table.js';

it('makes columns as wide as what is in them, aligned to the left or right, without spaces at the ends', () => {
  const rows = [
    ['organism:1', '7', 'shared'],
    ['organism:independent', '12', ''],
    ['organism:2', '', 'shared'],
  ];
  expect(formatTable(['model', 'seed', 'characters'], rows, { right: [1] })).toEqual([
    'model                 seed  characters',
    'organism:1               7  shared',
    'organism:independent    12',
    'organism:2                  shared',
  ]);
  expect(formatTable(['model', 'seed'], [])).toEqual(['model  seed']);
});
