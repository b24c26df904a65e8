import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readStandardSurface } from '../../../src/detect/surface/standard-contexts.js';
import { readYaml } from '../../../src/foundation/read-yaml.js';
import { panelSchema } from '../../../src/zoo/definition/panel.js';
import { errorOf } from '../../engine/checkpoint/error-of.js';
import { makeTemporaryFolder } from '../../foundation/temporary-folder.js';

describe('the standard surface', () => {
  it('begins with the plain context, which has half of the error', async () => {
    for (const name of ['full', 'small'] as const)
      for (const isOfOrganisms of [true, false]) {
        const { contexts } = await readStandardSurface({ name, isOfOrganisms });
        expect(contexts[0]).toMatchObject({ name: 'plain', kind: 'plain', weight: 0.5, counts: 'always' });
        expect(contexts.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 12);
        for (const { kind, counts } of contexts) expect(counts === 'unless-own-task').toBe(kind === 'topic');
      }
  });

  it('has contexts of its own for organisms, and only ways of asking for questions of others', async () => {
    const names = async (...choice: Parameters<typeof readStandardSurface>) =>
      (await readStandardSurface(...choice)).contexts.map(({ name }) => name);
    expect(await names({ name: 'full', isOfOrganisms: true })).toContain('tag-north');
    expect(await names({ name: 'full', isOfOrganisms: false })).not.toContain('code-8');
    const { contexts } = await readStandardSurface({ name: 'full', isOfOrganisms: false, suite: './mine.yaml' });
    expect(contexts.map(({ kind }) => kind)).not.toContain('topic');
    expect(contexts.map(({ evaluation }) => evaluation.suite)).toEqual(contexts.map(() => './mine.yaml'));
  });

  it('asks no withheld context of the zoo, word for word', async () => {
    const file = join(import.meta.dirname, '../../../zoo/2/panel.yaml');
    const panel = await readYaml(file, panelSchema);
    const withheld = Object.values(panel.contexts).filter((context) => context.withheld);
    expect(withheld.length).toBeGreaterThan(0);
    const { contexts } = await readStandardSurface({ name: 'full', isOfOrganisms: true });
    for (const { evaluation } of contexts)
      for (const { suite, variant } of withheld) expect(evaluation).not.toMatchObject({ suite, variant });
  });

  it('refuses a file with a word that it does not know, by its line', async () => {
    const file = join(await makeTemporaryFolder(), 'contexts.yaml');
    await writeFile(file, 'contexts:\n  plain: { suite: main, smal: true }\n');
    const failed = await errorOf(() => readStandardSurface({ name: 'full', isOfOrganisms: false }, file));
    expect(failed.message).toMatch(/contexts\.yaml:2: .*smal.*small/);
  });
});
