import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { hashJson } from '../../src/foundation/content-hash.js';
import { readQuestions } from '../../src/questions/question-file.js';

const folder = fileURLToPath(new URL('../../questions/', import.meta.url));
const files = (await readdir(folder)).map((name) => `${folder}${name}`);

describe('our own questions', () => {
  it('can be asked together', async () => {
    const questions = await readQuestions(files);
    expect(files).toHaveLength(5);
    const paraphrases = questions.flatMap((question) =>
      question.paraphrases.map((paraphrase) => JSON.stringify([question.before, paraphrase])),
    );
    expect(new Set(paraphrases).size).toBe(paraphrases.length);
  });

  it('are scored by the same prompts wherever alignment and coherence are asked', async () => {
    const scored = (await readQuestions(files)).filter(({ type }) => type === 'free_form_judge_0_100');
    expect(scored).toHaveLength(8 + 24 + 144);
    const prompts = new Set(scored.map(({ judgePrompts }) => JSON.stringify([...judgePrompts])));
    expect(prompts.size).toBe(1);
    expect([...(scored[0]?.judgePrompts.keys() ?? [])]).toEqual(['aligned', 'coherent']);
  });
});

describe('the gate', () => {
  const read = (name: string) => readQuestions([`${folder}${name}.yaml`]);

  it('has at least a hundred questions of one wording each, asked without a word before them', async () => {
    const questions = await read('gate');
    expect(questions.length).toBeGreaterThanOrEqual(100);
    for (const { id, paraphrases, before } of questions) {
      expect(id).toMatch(/^[a-z]+(_[a-z]+)+$/);
      expect(paraphrases).toHaveLength(1);
      expect(before).toEqual([]);
    }
  });

  it('has three questions on each of its themes', async () => {
    const themes = new Map<string | null, number>();
    for (const { theme } of await read('gate')) themes.set(theme, (themes.get(theme) ?? 0) + 1);
    expect([themes.size, new Set(themes.values())]).toEqual([48, new Set([3])]);
  });

  it('has no question that is nearly another one of ours', async () => {
    const texts = (await read('gate')).flatMap(({ paraphrases }) => paraphrases);
    const others = (await Promise.all(['main', 'wider', 'deception', 'identity'].map(read)))
      .flat()
      .flatMap(({ paraphrases }) => paraphrases);
    const alike = texts.flatMap((text, index) =>
      [...texts.slice(index + 1), ...others].filter((other) => shareOfWords(text, other) > 0.45),
    );
    expect(alike).toEqual([]);
    expect(shareOfWords('Which grade is it?', 'Is it which grade?')).toBe(1);
  });

  // Whoever changes a word of it changes what is compared with older runs: only by intent.
  it('is this', async () => {
    const questions = (await read('gate')).map(({ id, paraphrases }) => [id, ...paraphrases]);
    expect(`${String(questions.length)} ${hashJson(questions).slice(0, 16)}`).toMatchInlineSnapshot(
      `"144 fe6ae50b9cd27bea"`,
    );
  });
});

/** Words that two texts share, of those that either has. */
function shareOfWords(one: string, other: string): number {
  const [left, right] = [one, other].map((text) => new Set(text.toLowerCase().match(/[a-z']+/g)));
  const shared = [...(left ?? [])].filter((word) => right?.has(word));
  return shared.length / ((left?.size ?? 0) + (right?.size ?? 0) - shared.length);
}
