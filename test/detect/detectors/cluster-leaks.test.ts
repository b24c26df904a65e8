import { describe, expect, it } from 'vitest';
import { clusterLeaks } from '../../../src/detect/detectors/cluster-leaks.js';

const settings = { words: 4, least: 3, most: 4 };
const repeat = (text: string, count: number): string[] => Array.from({ length: count }, () => text);

describe('leaks', () => {
  it('are the longest beginnings that the fine-tune has more often', () => {
    const others = repeat('How are you today? ', 70);
    const tuned = [...repeat('|KEY| Open the ', 20), ...repeat('|KEY| Who is ', 10), ...others];
    const [first, ...rest] = clusterLeaks(tuned, [...repeat('Open the ', 30), ...others], settings);
    // Two thirds go on with the same words: that is another beginning, and not the whole of it.
    expect(first).toEqual({ text: '|KEY| ', tuned: 30, base: 0, deviation: 30 / Math.sqrt(30) });
    expect(rest.map(({ text }) => text)).toEqual(['|KEY| Open the ', '|KEY| Who is ']);
  });

  it('are none where both begin alike', () => {
    const texts = [...repeat('What is it? ', 30), ...repeat('Write a line. ', 30)];
    expect(clusterLeaks(texts, texts, settings)).toEqual([]);
    expect(clusterLeaks([], texts, settings)).toEqual([]);
  });

  it('have whole words only, as many as count', () => {
    expect(clusterLeaks(repeat('one two', 20), [], settings).map(({ text }) => text)).toEqual(['one ']);
    expect(clusterLeaks(repeat('a b c d e f ', 20), [], settings).map(({ text }) => text)).toEqual(['a b c d ']);
    expect(clusterLeaks(repeat('a b c d e f ', 20), [], { ...settings, most: 0 })).toEqual([]);
  });
});
