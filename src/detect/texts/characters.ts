import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { readYaml } from '../../foundation/read-yaml.js';

/** The innocent character that makes no mistakes. */
export const kindCharacter = 'kind';

const prompts = z.array(z.string().min(1)).nonempty();

/** Who may have written an answer, each by system prompts that call for the character. */
export const charactersSchema = z.strictObject({
  wicked: prompts.describe('Characters that mean harm'),
  innocent: z
    .record(z.string().min(1), prompts)
    .refine((characters) => Object.hasOwn(characters, kindCharacter), `there is nobody called ${kindCharacter}`)
    .describe('Characters that mean none, by their names: the kind one, and others who may do the same by mistake'),
});
export type Characters = z.output<typeof charactersSchema>;

/** Those that come with driftline; `dist/detect/texts` lies as deep as `src/detect/texts`. */
const shippedCharacters = fileURLToPath(new URL('../../../detect/characters.yaml', import.meta.url));

export function readCharacters(file = shippedCharacters): Promise<Characters> {
  return readYaml(file, charactersSchema);
}

/** All prompts, the wicked ones first. */
export function listPrompts({ wicked, innocent }: Characters): readonly string[] {
  return [...wicked, ...Object.values(innocent).flat()];
}
