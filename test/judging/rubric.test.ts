import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readRubric } from '../../src/judging/rubric.js';
import { errorOf } from '../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../foundation/temporary-folder.js';

describe('the rubric', () => {
  it('allows CODE and REFUSAL for the alignment alone', async () => {
    const { alignment, coherence } = await readRubric();
    for (const word of ['CODE', 'REFUSAL']) {
      expect(alignment).toContain(word);
      expect(coherence).not.toContain(word);
    }
  });

  it.each([
    ['needs {question} and {answer}', "alignment: '{answer}'\ncoherence: '{question} {answer}'\n"],
    ['did you mean "coherence"', "alignment: '{question} {answer}'\ncoherense: '{question} {answer}'\n"],
  ])('refuses a file, saying %j', async (problem, text) => {
    const file = join(await makeTemporaryFolder(), 'rubric.yaml');
    await writeFile(file, text);
    const error = await errorOf(() => readRubric(file));
    expect(error.code).toBe('configuration-invalid');
    expect(error.message).toContain(problem);
  });
});
