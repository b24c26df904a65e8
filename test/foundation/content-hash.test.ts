import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, hashContent, hashJson, hashPieces } from '../../src/foundation/content-hash.js';

describe('hashContent', () => {
  it('gives the SHA-256 of FIPS 180-2 for "abc", as text and as bytes', () => {
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(hashContent('abc')).toBe(expected);
    expect(hashContent(Uint8Array.of(0x61, 0x62, 0x63))).toBe(expected);
  });

  it('reads strings as UTF-8', () => {
    expect(hashContent('€')).toBe(hashContent(Uint8Array.of(0xe2, 0x82, 0xac)));
  });
});

it('hashes pieces as if they were joined', () => {
  expect(hashPieces(['a', Uint8Array.of(0x62), '', 'c'])).toBe(hashContent('abc'));
});

describe('canonicalJson', () => {
  it('writes the examples of RFC 8785', () => {
    const serialization = {
      numbers: [333333333.3333333, 1e30, 4.5, 2e-3, 0.000000000000000000000000001],
      string: '\u20ac$\u000F\u000aA\'\u0042\u0022\u005c\\"/',
      literals: [null, true, false],
    };
    expect(canonicalJson(serialization)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
    const sorting = {
      '\u20ac': 'Euro Sign',
      '\r': 'Carriage Return',
      '\ufb33': 'Hebrew Letter Dalet With Dagesh',
      '1': 'One',
      '\ud83d\ude00': 'Emoji: Grinning Face',
      '\u0080': 'Control',
      '\u00f6': 'Latin Small Letter O With Diaeresis',
    };
    // A generic parser would put '1' first again, as integer keys come first in JavaScript objects: compare the text.
    expect([...canonicalJson(sorting).matchAll(/:"([^"]*)"/g)].map((match) => match[1])).toEqual([
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  it('keeps the value of any JSON, and does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const text = canonicalJson(value);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
        expect(canonicalJson(reverseKeys(value))).toBe(text);
      }),
    );
  });

  it('leaves out undefined properties, and refuses what JSON would change silently, naming its place', () => {
    expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
    for (const value of [Number.NaN, Infinity, undefined, 1n, new Date(0), new Map(), new Float32Array(1), () => 0]) {
      expect(() => canonicalJson({ rows: [0, value] })).toThrow(
        expect.objectContaining({ code: 'usage-invalid', message: expect.stringContaining('$.rows[1]') }),
      );
    }
    expect(() => canonicalJson(new Array(1))).toThrow(expect.objectContaining({ code: 'usage-invalid' }));
  });
});

describe('hashJson', () => {
  it('is the same for equal values and differs for different ones', () => {
    expect(hashJson({ a: 1, b: [2] })).toBe(hashJson({ b: [2], a: 1 }));
    expect(hashJson({ a: 1, b: [2] })).not.toBe(hashJson({ a: 1, b: ['2'] }));
    expect(hashJson([])).toBe(hashContent('[]'));
  });
});

function reverseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reverseKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, property]) => [key, reverseKeys(property)]),
  );
}
