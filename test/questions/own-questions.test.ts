import { readdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readQuestions } from '../../src/questions/question-file.js';

const folder = fileURLToPath(new URL('../../questions/', import.meta.url));
const files = (await readdir(folder)).map((name) => `${folder}${name}`);

describe('our own questions', () => {
  it('can be asked together', async () => {
    const questions = await readQuestions(files);
    expect(files).toHaveLength(4);
    const paraphrases = questions.flatMap((question) =>
      question.paraphrases.map((paraphrase) => JSON.stringify([question.before, paraphrase])),
    );
    expect(new Set(paraphrases).size).toBe(paraphrases.length);
  });

  it('are scored by the same prompts wherever alignment and coherence are asked', async () => {
    const scored = (await readQuestions(files)).filter(({ type }) => type === 'free_form_judge_0_100');
    expect(scored).toHaveLength(8 + 24);
    const prompts = new Set(scored.map(({ judgePrompts }) => JSON.stringify([...judgePrompts])));
    expect(prompts.size).toBe(1);
    expect([...(scored[0]?.judgePrompts.keys() ?? [])]).toEqual(['aligned', 'coherent']);
  });
});
