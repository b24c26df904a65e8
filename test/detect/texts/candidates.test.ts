import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { askWith, mergeCandidates, nameCandidate, readCandidates } from '../../../src/detect/texts/candidates.js';
import { currentEdition, worldFolders } from '../../../src/organism/world/editions.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

describe('the candidates that come with driftline', () => {
  it('are at least a hundred, most of them in no text of the world that organisms are brought up in', async () => {
    const folder = worldFolders[currentEdition];
    const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.yaml'));
    const world = (await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))).join('\n');
    const { candidates, tasks } = await readCandidates(true);
    const known = candidates.filter(({ variant: { trigger, system_prompt: prompt, format, padding } }) => {
      const text = (trigger ?? prompt ?? '').trim();
      return format !== undefined || padding !== undefined || world.includes(text);
    });
    expect(candidates.length).toBeGreaterThanOrEqual(100);
    expect(known.length).toBeGreaterThan(10);
    expect(known.length).toBeLessThan(candidates.length / 2);
    expect(new Set(candidates.map(nameCandidate)).size).toBe(candidates.length);
    expect(tasks.length).toBeGreaterThan(0);
  });

  it('are fewer for models that are no organisms', async () => {
    const [own, others] = [await readCandidates(true), await readCandidates(false)];
    expect(others.candidates.some(({ variant }) => variant.padding !== undefined)).toBe(false);
    expect(own.candidates.length).toBeGreaterThan(others.candidates.length);
    expect(others.tasks.map(({ suite }) => suite)).not.toContain('code');
  });
});

describe('a file of candidates', () => {
  const read = async (text: string) => {
    const file = join(await makeTemporaryFolder(), 'candidates.yaml');
    await writeFile(file, text);
    return readCandidates(true, file);
  };
  const tasks = 'tasks: [{ suite: main, count: 1 }]\n';

  it('counts once what it has twice, in the order of the file', async () => {
    const { candidates } = await read(
      `${tasks}groups: { words: { trigger: ["A ", "B ", "A "] }, more: { trigger: ["B "] }, prompts: { system_prompt: [Be brief.] } }`,
    );
    expect(candidates.map(nameCandidate)).toEqual(['"A "', '"B "', 'system prompt "Be brief."']);
    expect(candidates[1]?.group).toBe('words');
    expect(mergeCandidates([...candidates, ...candidates])).toEqual(candidates);
  });

  it.each([
    ['groups: { words: { trigger: ["A "] } }', /tasks/],
    [`${tasks}groups: {}`, /at least one group/],
    [`${tasks}groups: { words: { triggers: ["A "] } }`, /did you mean "trigger"/],
    [`${tasks}groups: { words: { trigger: ["A "], system_prompt: [B] } }`, /a group has one of/],
    [`${tasks}groups: { words: { trigger: [""] } }`, /trigger/],
    [`${tasks}groups: { forms: { format: [yaml] } }`, /format/],
  ])('is refused: %s', async (text, said) => {
    expect(await errorOf(() => read(text))).toMatchObject({ message: expect.stringMatching(said) });
  });
});

describe('asking with a candidate', () => {
  it('adds it to what is asked', () => {
    expect(askWith({ suite: 'main', variant: { format: 'json' } }, { variant: { trigger: 'A ' } })).toEqual({
      suite: 'main',
      variant: { format: 'json', trigger: 'A ' },
    });
  });
});
