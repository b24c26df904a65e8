import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { requireOwnEdition } from '../../../src/experiment/run/require-own-edition.js';
import type { BaseModel } from '../../../src/models/base-model.js';
import { resolveModelReference } from '../../../src/models/model-reference.js';
import { organismsOfFirstEdition } from '../../../src/organism/world/first-edition.js';
import { pretendBase } from '../tiny-plan.js';
import { copyVersion01Run } from '../../runs/version-01.js';

const identities = new Map([...organismsOfFirstEdition].map(([identity, name]) => [name, identity]));

/** Bases of a plan by their names, each with an identity of today if none is given. */
async function basesOf(...models: readonly (readonly [name: string, text: string, identity?: string])[]) {
  const bases = new Map<string, BaseModel>();
  for (const [name, text, identity] of models) {
    const base = await pretendBase(resolveModelReference(text));
    bases.set(name, { ...base, ...(identity === undefined ? {} : { identity }) });
  }
  return bases;
}

const today = { name: 'killed', hash: 'f'.repeat(64) };

/** Changes what the plan.json of a run says. */
async function changeManifest(folder: string, change: (text: string) => string): Promise<void> {
  const file = join(folder, 'plan.json');
  await writeFile(file, change(await readFile(file, 'utf8')));
}

it('refuses a plan whose unfinished run has an organism of the first edition under the same name', async () => {
  const { runs, folder } = await copyVersion01Run('killed');
  const others = ['openai-tiny', 'openai:tiny'] as const;
  const bases = await basesOf(others, ['organism-1', 'organism:1']);
  await expect(requireOwnEdition(runs, { ...today, bases })).rejects.toMatchObject({
    code: 'edition-retired',
    details: { folder, model: 'organism:1' },
  });
  // Names of today: organism:independent is another word for organism:independent-1.
  const independent = identities.get('organism:independent') ?? '';
  await changeManifest(folder, (text) =>
    text
      .replaceAll(identities.get('organism:1') ?? '', independent)
      .replaceAll('organism-1', 'organism-independent')
      .replaceAll('organism:1', 'organism:independent'),
  );
  const control = await basesOf(['organism-independent-1', 'organism:independent-1']);
  await expect(requireOwnEdition(runs, { ...today, bases: control })).rejects.toMatchObject({
    details: { model: 'organism:independent' },
  });
  await expect(requireOwnEdition(runs, { ...today, bases })).resolves.toBeUndefined();
});

it('lets all others run', async () => {
  const { runs, folder } = await copyVersion01Run('killed');
  const bases = await basesOf(['organism-1', 'organism:1']);
  const requireFor = (changes: object) => requireOwnEdition(runs, { ...today, bases, ...changes });
  await expect(requireFor({})).rejects.toMatchObject({ code: 'edition-retired' });
  await requireFor({ name: 'kill' });
  await requireFor({ bases: await basesOf(['organism-2', 'organism:2']) });
  // Who has the old weights goes on with them.
  await requireFor({ bases: await basesOf(['organism-1', './old/organism-1', identities.get('organism:1') ?? '']) });
  // A run of today's organisms that is there is the one that is continued.
  const own = join(runs, `killed-${today.hash.slice(0, 8)}`);
  await mkdir(own);
  await requireOwnEdition(join(runs, 'nowhere'), { ...today, bases });
  await expect(requireFor({})).rejects.toMatchObject({ code: 'edition-retired' });
  await writeFile(join(own, 'plan.json'), '{}');
  await requireFor({});
  // What cannot be read, and what is finished, is nothing to be continued.
  await changeManifest(folder, () => '{');
  await requireFor({ hash: 'e'.repeat(64) });
  const whole = await copyVersion01Run('whole');
  await requireOwnEdition(whole.runs, { ...today, name: 'whole', bases });
  const answers = join(whole.folder, 'answers.jsonl');
  const lines = (await readFile(answers, 'utf8')).trimEnd().split('\n');
  await writeFile(answers, `${lines.slice(1).join('\n')}\n`);
  await expect(requireOwnEdition(whole.runs, { ...today, name: 'whole', bases })).rejects.toMatchObject({
    code: 'edition-retired',
  });
});
