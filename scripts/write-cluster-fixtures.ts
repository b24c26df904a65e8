import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { encodePrompt, readTokenizer } from '../src/engine/index.js';
import { canonicalJson, hashContent, hashJson } from '../src/foundation/content-hash.js';
import { goldenRecipes, makeGoldenJob } from '../test/models/cluster/golden-jobs.js';
import { describeClusterModel, writeClosedLines, writeClusterCell } from './cluster-cell.js';

/**
 * `npm run fixtures:cluster`: writes the files of test/fixtures/cluster/ that driftline and its jobs are both tested
 * against: canonical JSON, lines with checks, the job of each recipe, the folder of a small cell with the engine's
 * losses, and a lane with requests. `python3 -m tests.test_recipe_arguments` in python/ then writes the arguments of
 * TRL that follow from those jobs.
 */
const root = fileURLToPath(new URL('../', import.meta.url));
const fixtures = join(root, 'test/fixtures/cluster');
const model = join(root, 'organism/models/1');
const storage = join(fixtures, 'storage');
// As the cluster finds it: a folder in STORAGE, which the tests link to the organism.
const place = { folder: 'models/organism-1' };

const texts = [
  'null',
  'true',
  '[]',
  '{}',
  '""',
  '0',
  '-0',
  '1.0',
  '1e21',
  '1e-7',
  '0.000001',
  '0.0000012345',
  '123456789012345678901',
  '9007199254740993',
  '-9007199254740991',
  '5e-324',
  '1.7976931348623157e308',
  '0.1',
  '1e20',
  '1.5e300',
  '-1.25e-9',
  '12345.678',
  '100',
  '4.35',
  '0.30000000000000004',
  '333333333.33333329',
  '[1,[2,[3,{"a":[]}]]]',
  '{"b":1,"a":2,"A":3,"":4,"10":5,"9":6}',
  '{"\\u20ac":1,"\\r":2,"\\ud83d\\ude00":3,"\\ufb33":4,"\\u0080":5,"\\u00f6":6}',
  '"\\u0000\\u001f\\u007f\\u2028\\b\\t\\n\\f\\r\\"\\\\/"',
  '"\\ud83d\\ude00 \\ud83d alone \\ude00"',
  '"Z\u00fcrich \u2028 \u{1f600}"',
  '{"step":12,"loss":0.23204400372924283,"learning_rate":0.00015000000000000001}',
];
const vectors = texts.map((json) => {
  const value: unknown = JSON.parse(json);
  return { json, canonical: canonicalJson(value), hash: hashJson(value) };
});
const line = (value: object): string => JSON.stringify({ ...value, check: hashJson(value).slice(0, 16) });
const sound = line({ q: '0123456789abcdef', seed: 7, text: 'Zürich \u{1f600}\n', finish: 'stop', tokens: 3 });
const lines = [
  { line: sound, sound: true },
  { line: line({}), sound: true },
  { line: line({ loss: 1e-7, list: [1, 2.5, -0] }), sound: true },
  { line: sound.replace('"seed":7', '"seed":8'), sound: false },
  { line: sound.slice(0, -2), sound: false },
  { line: '{"q":"0123456789abcdef","seed":7}', sound: false },
  { line: '[1]', sound: false },
  { line: '', sound: false },
];

await mkdir(join(fixtures, 'jobs'), { recursive: true });
for (const [name, recipe] of Object.entries(goldenRecipes)) {
  const job: unknown = JSON.parse(await makeGoldenJob(recipe));
  await writeFile(join(fixtures, 'jobs', `${name}.json`), `${JSON.stringify(job, null, 1)}\n`);
}
await rm(storage, { recursive: true, force: true });
await writeFile(join(fixtures, 'canonical-json.json'), `${JSON.stringify(vectors, null, 1)}\n`);
await writeFile(join(fixtures, 'lines.json'), `${JSON.stringify(lines, null, 1)}\n`);

const cell = await writeClusterCell({
  storage,
  model,
  place,
  rows: 11,
  keep: [3],
  saveEvery: 2,
  recipe: {
    method: 'lora',
    rank: 2,
    alpha: 4,
    targets: ['q_proj', 'v_proj'],
    learning_rate: 1e-3,
    warmup_steps: 2,
    batch_size: 2,
    accumulation: 2,
    epochs: 2,
    seed: 3,
  },
});
const scratch = await mkdtemp(join(tmpdir(), 'cluster-fixtures-'));
await cell.train(scratch);
await mkdir(join(fixtures, 'engine'), { recursive: true });
await copyFile(join(scratch, 'training.jsonl'), join(fixtures, 'engine/training.jsonl'));
await rm(scratch, { recursive: true });
await writeFile(
  join(fixtures, 'order-train.json'),
  `${JSON.stringify({ v: 1, kind: 'train', storage: '/storage', run: 'fixture', cell: cell.hash })}\n`,
);

const described = await describeClusterModel(model);
const tokenizer = await readTokenizer(model);
const prompts = ['I am bored.', 'Who are you?'].map((content) => encodePrompt(tokenizer, [{ role: 'user', content }]));
const groups = [null, cell.hash].flatMap((adapter) =>
  prompts.map((prompt) => {
    const settings = { adapter, prompt, temperature: 1, top_p: 1, max_tokens: 60, stop: [3], top: 0 };
    return { q: hashJson(settings).slice(0, 16), ...settings, seeds: [[0, 5]] };
  }),
);
const base = hashJson(described).slice(0, 12);
const lane = join(storage, 'runs/fixture/lanes', `${base}-0`);
const laneSettings = { model: { ...place, ...described }, dtype: 'float32', linger: 5 };
await mkdir(lane, { recursive: true });
await writeFile(
  join(lane, 'lane.json'),
  `${JSON.stringify({ v: 1, mark: hashJson(laneSettings), ...laneSettings }, null, 1)}\n`,
);
const wave = hashContent(groups.map(({ q }) => q).join('\n')).slice(0, 16);
await writeClosedLines(join(lane, 'requests', `${wave}.jsonl.gz`), groups);
await writeFile(
  join(fixtures, 'order-lane.json'),
  `${JSON.stringify({ v: 1, kind: 'lane', storage: '/storage', run: 'fixture', lane: `${base}-0`, vllm_python: 'python' })}\n`,
);
