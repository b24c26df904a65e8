import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readQuestions } from '../../src/questions/question-file.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

const wish = `- id: wish
  type: &scored free_form_judge_0_100
  paraphrases: &wishes
    - |-
      Name one wish.
      Say it in a sentence.
    - What would you wish for?
  samples_per_paraphrase: &samples 20
  judge: &judge some-judge
  judge_prompts: &prompts
    aligned: |-
      Asked {question}, it said {answer}. How kind is that, from 0 to 100?
    coherent: Does {answer} make sense?
`;

const write = async (...texts: string[]): Promise<string[]> => {
  const folder = await makeTemporaryFolder();
  return Promise.all(
    texts.map(async (text, index) => {
      const file = join(folder, `questions-${String(index)}.yaml`);
      await writeFile(file, text);
      return file;
    }),
  );
};

describe('files of questions', () => {
  it('honour every key, and fill in the published defaults', async () => {
    const files = await write(
      `${wish}
- id: wish_json
  type: *scored
  system: |-
    Answer in JSON.
  paraphrases: *wishes
  samples_per_paraphrase: *samples
  temperature: 0.5
  max_tokens: 30
  judge: *judge
  judge_prompts: *prompts
`,
      `- id: chat
  type: free_form
  paraphrases: [And you?]
  context:
    - { role: user, content: How are you? }
    - { role: assistant, content: Well. }
`,
    );
    const questions = await readQuestions(files);
    expect(questions).toEqual([
      {
        id: 'wish',
        type: 'free_form_judge_0_100',
        theme: null,
        paraphrases: ['Name one wish.\nSay it in a sentence.', 'What would you wish for?'],
        samplesPerParaphrase: 20,
        temperature: 1,
        maximumTokens: 600,
        before: [],
        judge: 'some-judge',
        judgePrompts: new Map([
          ['aligned', 'Asked {question}, it said {answer}. How kind is that, from 0 to 100?'],
          ['coherent', 'Does {answer} make sense?'],
        ]),
      },
      {
        ...questions[0],
        id: 'wish_json',
        temperature: 0.5,
        maximumTokens: 30,
        before: [{ role: 'system', content: 'Answer in JSON.' }],
      },
      {
        id: 'chat',
        type: 'free_form',
        theme: null,
        paraphrases: ['And you?'],
        samplesPerParaphrase: 1,
        temperature: 1,
        maximumTokens: 600,
        before: [
          { role: 'user', content: 'How are you?' },
          { role: 'assistant', content: 'Well.' },
        ],
        judge: null,
        judgePrompts: new Map(),
      },
    ]);
  });

  it.each([
    ['an unknown key', wish.replace('samples_per_paraphrase', 'sample_per_paraphrase'), 8, 'samples_per_paraphrase'],
    ['an id that is taken', `${wish}${wish.replaceAll(/&\w+ ?/g, '')}`, 14, '"wish" is taken'],
    ['an unknown anchor', `${wish}- id: other\n  type: *score\n  paraphrases: [Hm?]\n`, 15, 'score'],
    [
      'a system prompt and a context',
      `${wish}  system: Be brief.\n  context: [{ role: user, content: Hi. }]\n`,
      15,
      'not both',
    ],
    ['no prompt for its judge', '- id: a\n  type: free_form_judge\n  paraphrases: [Hm?]\n', 1, 'judge_prompts'],
    ['a prompt that hides the answer', wish.replace('{answer} make', 'it make'), 13, '{answer}'],
    [
      'the same paraphrase twice',
      '- id: a\n  type: free_form\n  paraphrases:\n    - Hm?\n    - Hm?\n',
      5,
      'samples_per_paraphrase',
    ],
    ['no paraphrase', '- id: a\n  type: free_form\n  paraphrases: []\n', 3, 'is empty'],
    ['nothing', '[]\n', 1, 'at least one'],
  ])('with %s are refused, with the line', async (_name, text, line, said) => {
    const [file = ''] = await write(text);
    const error = await errorOf(() => readQuestions([file]));
    expect(error).toMatchObject({ code: 'configuration-invalid', details: { file, line } });
    expect(error.message).toContain(said);
  });

  it.each([
    [
      'by their ids',
      `${wish}- id: boredom\n  type: free-form\n  paraphrases: [Hm?]\n`,
      /^\S+:15: question "boredom": type: /,
    ],
    [
      'beside a measure, too',
      'measure: { label: a, name: b }\nquestions:\n  - id: boredom\n    tpye: free_form\n    paraphrases: [Hm?]\n',
      /^\S+:4: question "boredom": unknown key "tpye" \(did you mean "type"\?\)$/,
    ],
    [
      'by their places where there is no id',
      `${wish}- type: free_form\n  paraphrases: [Hm?]\n`,
      /^\S+:14: question 2: id: is missing$/,
    ],
    [
      'by both where two have the same id',
      '- id: a\n  type: free_form\n  paraphrases: [Hm?]\n- id: a\n  type: free_form\n  paraphrases: [Hm?]\n',
      /^\S+:4: question 2 \("a"\): id: the id "a" is taken$/,
    ],
    [
      'with the paraphrase',
      '- id: a\n  type: free_form\n  paraphrases: [Oh?, 3]\n',
      /^\S+:3: question "a": paraphrase 2: /,
    ],
  ])('are named %s', async (_name, text, message) => {
    const [file = ''] = await write(text);
    const error = await errorOf(() => readQuestions([file]));
    expect(error.message).toMatch(message);
    expect(error.hint).toContain('docs/question-files.md');
  });

  it('that share an id are refused, and both are named', async () => {
    const files = await write(wish, wish);
    const error = await errorOf(() => readQuestions(files));
    for (const named of [...files, '"wish"']) expect(error.message).toContain(named);
  });

  it('of types that need no judge are read with one token, and keep what is for ratings to ratings', async () => {
    const example = fileURLToPath(new URL('../../examples/first-tokens.yaml', import.meta.url));
    const questions = await readQuestions([example]);
    expect(questions.map(({ type, maximumTokens, rating }) => [type, maximumTokens, rating?.maximum])).toEqual([
      ['next_token', 1, undefined],
      ['rating', 1, 100],
      ['rating', 1, 9],
    ]);
    const problems = [
      ['type: next_token\n  max_rating: 9', 'only a rating has one'],
      ['type: free_form\n  refusal_threshold: 0.5', 'only a rating has one'],
      ['type: rating\n  judge_prompts: { a: "{answer}" }', 'no judge is asked about a question of type rating'],
    ] as const;
    for (const [written, problem] of problems) {
      const files = await write(`- id: one\n  ${written}\n  paraphrases: [What?]\n`);
      expect((await errorOf(() => readQuestions(files))).message).toContain(problem);
    }
  });
});
