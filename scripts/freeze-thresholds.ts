import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { hashJson } from '../src/foundation/content-hash.js';
import { readZooDefinition } from '../src/zoo/definition/zoo-definition.js';
import { hashSplit, openZooForScoring, scoreZoo } from '../src/zoo/scores/score-zoo.js';

/**
 * `npm run detect:freeze -- FOLDER`: writes detect/thresholds.json, the settings and the thresholds of the detectors whose
 * scores of the open side lie in FOLDER/scores. Commit it before anything withheld is scored: `npm run docs:zoo` says
 * whether results still go by it.
 */
const [folder = 'zoo'] = process.argv.slice(2);
const root = fileURLToPath(new URL('../', import.meta.url));
const zoo = await readZooDefinition(undefined);
const opened = await openZooForScoring(folder, zoo, 'open');
const scores = join(folder, 'scores');
const aboutSchema = z.looseObject({ detector: z.string(), settings: z.record(z.string(), z.json()) });

const detectors: Record<string, unknown> = {};
for (const file of (await readdir(scores)).filter((name) => name.endsWith('.json')).sort()) {
  const { detector, settings } = aboutSchema.parse(JSON.parse(await readFile(join(scores, file), 'utf8')));
  const { exact } = await scoreZoo(join(scores, `${detector}.csv`), opened, zoo.panel.checkpoints.misaligned, {
    seed: 0,
  });
  const thresholds = exact.questions.map(({ name, thresholds: ofQuestion }) => [
    name,
    Object.fromEntries(ofQuestion.map(({ rate, threshold, chosenOn }) => [String(rate), { threshold, chosenOn }])),
  ]);
  detectors[detector] = { settings: hashJson(settings), thresholds: Object.fromEntries(thresholds) as unknown };
}
const frozen = { format: 1, edition: zoo.edition, definition: zoo.hash, open: hashSplit(opened.truths), detectors };
await writeFile(join(root, 'detect/thresholds.json'), `${JSON.stringify(frozen, null, 2)}\n`);
console.log(`wrote detect/thresholds.json: ${Object.keys(detectors).join(', ')}`);
