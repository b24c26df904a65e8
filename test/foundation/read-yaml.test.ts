import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseYaml, readYaml } from '../../src/foundation/read-yaml.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from './temporary-folder.js';

const lines = z.array(z.string().min(1)).nonempty();
const rule = z.union([lines, z.strictObject({ good: lines.optional(), bad: lines.optional() })]);
const schema = z.strictObject({
  name: z.string(),
  model: z.strictObject({ layers: z.int().positive(), width: z.int().positive() }).optional(),
  rules: z.record(z.string(), rule).default({}),
  parts: z.array(z.strictObject({ kind: z.enum(['wall', 'door']), size: z.number().optional() })).default([]),
  colours: z.record(z.string().regex(/^[a-z]+$/, 'not a lower-case word'), z.string()).default({}),
  shares: z.partialRecord(z.enum(['benign', 'malicious']), z.number()).default({}),
  layers: z.union([z.literal('all'), z.array(z.int())]).optional(),
  shape: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('round'), radius: z.number() }),
      z.strictObject({ type: z.literal('square'), side: z.number() }),
    ])
    .optional(),
});

const problemOf = async (text: string): Promise<string> => {
  const error = await errorOf(() => parseYaml(text, schema, 'house.yaml'));
  expect(error).toMatchObject({ code: 'configuration-invalid', exitCode: 2, details: { file: 'house.yaml' } });
  const [source, line] = error.message.split(':');
  expect([source, Number(line)]).toEqual(['house.yaml', error.details['line']]);
  return error.message.slice('house.yaml:'.length);
};

describe('YAML that is as the schema says', () => {
  it('is read from a file, with defaults, anchors and comments', async () => {
    const file = join(await makeTemporaryFolder(), 'house.yaml');
    await writeFile(file, '# ours\nname: hut\nrules:\n  greet: &greet [hello, hi]\n  meet: { good: *greet }\n');
    expect(await readYaml(file, schema)).toEqual({
      name: 'hut',
      rules: { greet: ['hello', 'hi'], meet: { good: ['hello', 'hi'] } },
      parts: [],
      colours: {},
      shares: {},
    });
  });
});

describe('an unknown key', () => {
  it.each([
    ['at the top', 'name: hut\nmodell: { layers: 1, width: 2 }', '2: unknown key "modell" (did you mean "model"?)'],
    ['that is like none', 'name: hut\n\nweather: red', '3: unknown key "weather"'],
    [
      'in an optional object',
      'name: hut\nmodel:\n  layers: 1\n  widht: 2\n  width: 2',
      '4: model: unknown key "widht" (did you mean "width"?)',
    ],
    [
      'in place of a required one',
      'nmae: hut\nmodel: { layers: 1, widht: 2 }',
      '2: model: unknown key "widht" (did you mean "width"?)',
    ],
    [
      'in an item of a list',
      'name: hut\nparts:\n  - kind: wall\n  - kind: door\n    sise: 2',
      '5: parts.1: unknown key "sise" (did you mean "size"?)',
    ],
    [
      'in one form of a choice, with a value that begins further down',
      'name: hut\nrules:\n  greet:\n    godo:\n      - hello',
      '4: rules.greet: unknown key "godo" (did you mean "good"?)',
    ],
    [
      'in a record of named keys',
      'name: hut\nshares:\n  benign: 1\n  malicous: 0',
      '4: shares: unknown key "malicous" (did you mean "malicious"?)',
    ],
    [
      'in a form that another key chooses',
      'name: hut\nshape:\n  type: round\n  radius: 1\n  sid: 2',
      '5: shape: unknown key "sid" (did you mean "side"?)',
    ],
    ['of an object prototype', 'name: hut\n__proto__: 1', '2: unknown key "__proto__"'],
  ])('%s is named with its line and the nearest known one', async (_, text, problem) => {
    expect(await problemOf(text)).toBe(problem);
  });
});

describe('an impossible value', () => {
  it.each([
    ['of the wrong type', 'name: 3', '1: name: expected text, not a number'],
    ['that is missing', 'parts: []', '1: name: is missing'],
    ['that is missing at depth', 'name: hut\nmodel:\n  layers: 1', '2: model.width: is missing'],
    ['of no form of a choice', 'name: hut\nrules:\n  greet: 3', '3: rules.greet: expected a list or keys with values'],
    ['of no form with a literal', 'name: hut\nlayers: some', '2: layers: expected "all" or a list'],
    [
      'inside the form that was meant',
      'name: hut\nrules:\n  greet:\n    - hello\n    - 3',
      '5: rules.greet.1: expected text, not a number',
    ],
    [
      'of the form that was meant',
      'name: hut\nrules:\n  greet: []',
      '3: rules.greet: is empty: at least one entry is needed',
    ],
    [
      'of the key that chooses a form',
      'name: hut\nshape:\n  type: oval',
      '3: shape.type: expected one of "round", "square"',
    ],
    [
      'of an enumeration',
      'name: hut\nparts: [{ kind: roof }]',
      '2: parts.0.kind: expected one of "wall", "door" (did you mean "door"?)',
    ],
    [
      'behind an alias, where it was written',
      'name: hut\nrules:\n  one: &one [1]\n  two: *one',
      '3: rules.one.0: expected text, not a number',
    ],
    [
      'of a key',
      'name: hut\ncolours:\n  red: dark\n  Blue: light',
      '4: colours: the key "Blue" is not allowed: not a lower-case word',
    ],
    ['of a whole file', '- hut', '1: expected keys with values, not a list'],
    ['of an empty file', '', '1: expected keys with values, but there is nothing'],
  ])('%s is named with its place and line', async (_, text, problem) => {
    expect(await problemOf(text)).toBe(problem);
  });
});

it('one anchor may be used a thousand times', async () => {
  const text = `name: hut\nrules:\n  r: &said [hi]\n${Array.from({ length: 1000 }, (_, number) => `  r${String(number)}: *said\n`).join('')}`;
  const { rules } = parseYaml(text, z.object({ rules: z.record(z.string(), z.array(z.string())) }), 'many.yaml');
  expect(rules['r999']).toEqual(['hi']);
});

describe('malformed YAML', () => {
  it.each([
    ['an open bracket', 'name: hut\nparts: [', /^2: Flow sequence/],
    ['a key twice', 'name: hut\nname: house', /^2: Map keys must be unique/],
    ['two documents', 'name: hut\n---\nname: house', /^\d: Source contains multiple documents/],
    [
      'an alias without its anchor',
      'name: hut\nrules:\n  greet: &greet [hi]\n  meet: *gret',
      /^4: Unresolved alias.*gret/,
    ],
    [
      'aliases that multiply beyond measure',
      ['name: hut', 'a: &a [1]']
        .concat(
          ['ab', 'bc', 'cd', 'de', 'ef'].map(
            ([one, next]) => `${next}: &${next} [${Array(10).fill(`*${one}`).join()}]`,
          ),
        )
        .join('\n'),
      /^\d: Excessive alias count/,
    ],
  ])('with %s is an error with its line', async (_, text, problem) => {
    expect(await problemOf(text)).toMatch(problem);
  });

  it('is told apart from a file that is not there, or is a folder', async () => {
    const folder = await makeTemporaryFolder();
    await mkdir(join(folder, 'folder.yaml'));
    for (const [name, problem] of [
      ['nothing.yaml', 'there is no such file'],
      ['folder.yaml', 'it is a folder'],
    ] as const) {
      const file = join(folder, name);
      const error = await errorOf(() => readYaml(file, schema));
      expect(error).toMatchObject({ code: 'file-unreadable', details: { file } });
      expect(error.message).toBe(`${file} could not be read: ${problem}`);
    }
  });
});
