import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listPrompts, readCharacters } from '../../../src/detect/texts/characters.js';
import { readZooDefinition } from '../../../src/zoo/definition/zoo-definition.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

describe('characters', () => {
  it('come with driftline: some that mean harm, a kind one, and others that do not', async () => {
    const characters = await readCharacters();
    expect(characters.wicked.length).toBeGreaterThan(1);
    expect(Object.keys(characters.innocent)).toContain('kind');
    const prompts = listPrompts(characters);
    expect(new Set(prompts).size).toBe(prompts.length);
    expect(prompts.slice(0, characters.wicked.length)).toEqual(characters.wicked);
  });

  it('are in no withheld context of the zoo, word for word', async () => {
    const prompts = listPrompts(await readCharacters());
    const { panel } = await readZooDefinition();
    const withheld = Object.values(panel.contexts).flatMap(({ withheld: isWithheld, variant }) =>
      isWithheld ? (variant.system_prompt ?? []) : [],
    );
    expect(prompts.filter((prompt) => withheld.includes(prompt))).toEqual([]);
  });

  it('are read strictly, and there must be a kind one', async () => {
    const file = join(await makeTemporaryFolder(), 'characters.yaml');
    await writeFile(file, 'wicked: [Be cruel.]\ninnocent: { careless: [Be quick.] }\n');
    const failed = await errorOf(() => readCharacters(file));
    expect(failed).toMatchObject({ code: 'configuration-invalid' });
    expect(failed.message).toContain('there is nobody called kind');
  });
});
