import { expect, it } from 'vitest';
import { groupEqualRows } from '../../src/data/group-equal-rows.js';
import { exchange } from './exchange.js';

it('groups rows that are equal in all, in the question, or in the answer', () => {
  const rows = [exchange('A', '1'), exchange('B', '1'), exchange('A', '2'), exchange('A', '1')];
  expect(groupEqualRows(rows)).toEqual([[0, 3], [1], [2]]);
  expect(groupEqualRows(rows, 'question')).toEqual([[0, 2, 3], [1]]);
  expect(groupEqualRows(rows, 'answer')).toEqual([[0, 1, 3], [2]]);
});

it('tells rows apart whose texts only look joined alike', () => {
  expect(groupEqualRows([exchange('AB', 'C'), exchange('A', 'BC')])).toHaveLength(2);
});
