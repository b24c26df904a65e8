import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readModulePattern } from '../../../src/engine/checkpoint/module-pattern.js';

const module = 'model.layers.12.self_attn.q_proj';
const matches = (pattern: string, name = module): boolean => {
  const read = readModulePattern(pattern);
  if (typeof read === 'string') throw new Error(`${pattern}: ${read}`);
  return read(name);
};

describe('a pattern of an adapter', () => {
  it.each([
    ['.*q_proj', true],
    ['q_proj', false],
    ['.*\\.(q_proj|v_proj)', true],
    [String.raw`model\.layers\.(1[0-9]|2[0-3])\.self_attn\.(q|k|v|o)_proj`, true],
    [String.raw`model\.layers\.(?:[2-9]|1[01])\..*`, false],
    [String.raw`^model\.layers\.\d+\.(?:self_attn|mlp)\.\w+$`, true],
    // As Unsloth writes it.
    [
      String.raw`(?:.*?(?:language|text).*?(?:self_attn|mlp).*?(?:k_proj|q_proj).*?)|(?:\bmodel\.layers\.[\d]{1,}\.(?:self_attn|attention|mlp)\.(?:(?:k_proj|q_proj)))`,
      true,
    ],
    [String.raw`.*\bself_attn\b.*`, true],
    [String.raw`.*self\b_attn.*`, false],
    [String.raw`.*self\B_attn.*`, true],
    ['.*[^q]_proj', false],
    ['.*[]q]_proj', true],
    [String.raw`.*\.[a-]+_proj`, false],
    [String.raw`.*\.[p-]*[q-]_proj`, true],
    ['(?P<all>.*)', true],
    ['.{32}', true],
    ['.{31}', false],
    ['.{,40}', true],
    ['.{33,}', false],
    ['(model|layers|[.]|12|self_attn|q_proj){7,9}', true],
    ['(()*.?)*', true],
    ['', false],
    ['|.*', true],
  ])('%s describes the whole of a name: %s', (pattern, expected) => {
    expect(matches(pattern)).toBe(expected);
  });

  const piece = fc.constantFrom(
    'a',
    'b',
    '.',
    '[ab]',
    '[^a]',
    '(a|b)',
    '(?:ab|b)',
    '\\w',
    '\\.',
    'a*',
    'b+?',
    '(ab)?',
    '.{1,2}',
    '(a|)',
    '^',
    '$',
    '\\b',
  );
  it('takes what another engine takes', () => {
    const pattern = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''));
    const written = fc.oneof(
      pattern,
      fc.tuple(pattern, pattern).map((both) => `(${both.join('|')})+`),
    );
    const names = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 6 });
    fc.assert(
      fc.property(written, names, (one, name) => {
        expect(matches(one, name)).toBe(new RegExp(`^(?:${one})$`).test(name));
      }),
      { numRuns: 2000 },
    );
  });

  it('takes no more than states times characters, however it is written', () => {
    for (const pattern of ['(a+)+', '(a|a)*', '(.*)*'.repeat(50), '((a?){30}){30}', '(a*)*b'.repeat(40)])
      expect(matches(`${pattern}!`, 'a'.repeat(200))).toBe(false);
  });

  it.each([
    ['(?=a)a', 'it looks ahead or back, or has flags'],
    ['(?!a).*', 'it looks ahead or back, or has flags'],
    ['(?i)a', 'it looks ahead or back, or has flags'],
    ['(a)\\1', 'it has \\1, which is not read here'],
    ['\\n', 'it has \\n, which is not read here'],
    ['a\\', 'it has \\, which is not read here'],
    ['a*+', 'it repeats a repetition'],
    ['a**', 'it repeats a repetition'],
    ['*a', 'it has a * that repeats nothing'],
    ['^*', 'it repeats what has no width'],
    ['(a', 'it does not close a group'],
    ['a)', 'it closes a group that it does not open'],
    ['[a', 'it does not close a set'],
    ['[z-a]', 'it has a range whose end is before its beginning'],
    ['a{2,1}', 'it has a count whose end is before its beginning'],
    ['a{x}', 'it has a { that begins no count'],
    ['é', 'it has characters that are in no name of a module'],
    ['(a{999}){999}', 'it takes more than 4000 states'],
    ['('.repeat(60), 'it has more than 50 groups in one another'],
  ])('%s is not read', (pattern, problem) => {
    expect(readModulePattern(pattern)).toBe(problem);
  });

  it('is not read where it is long', () => {
    expect(readModulePattern('a'.repeat(2001))).toBe('it has 2001 characters, and at most 2000 are read');
  });
});
