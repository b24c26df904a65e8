import { expect, it } from 'vitest';
import * as stats from '../../src/stats/index.js';
import { DriftlineError } from '../../src/foundation/driftline-error.js';

const values: readonly unknown[] = [
  undefined,
  null,
  {},
  [],
  'x',
  0,
  [null],
  [{ id: 'a' }],
  [[null]],
  [{ name: 'a', questions: null }],
];

const functions = Object.entries(stats as Readonly<Record<string, unknown>>).filter(
  (entry): entry is [string, (...given: unknown[]) => unknown] =>
    typeof entry[1] === 'function' && entry[0] !== 'DriftlineError',
);

it.each(functions)('%s says what is wrong with what a program without types gives it', (_name, call) => {
  const faults: string[] = [];
  for (const value of values)
    for (let count = 1; count <= 3; count += 1)
      for (const others of [value, undefined]) {
        try {
          call(value, ...Array<unknown>(count - 1).fill(others));
        } catch (error) {
          if (!DriftlineError.isInstance(error))
            faults.push(`${JSON.stringify(value)} x${String(count)}: ${String(error)}`);
          else if (error.message.includes('undefined is listed')) faults.push(error.message);
        }
      }
  expect(faults).toEqual([]);
});

/** Called as a program without types may: the functions are looked up by their names. */
const call = (name: string, ...given: unknown[]): string => {
  const [, found] = functions.find(([other]) => other === name) ?? [];
  if (found === undefined) throw new Error(`there is no ${name}`);
  try {
    return JSON.stringify(found(...given));
  } catch (error) {
    if (DriftlineError.isInstance(error) && error.code === 'usage-invalid') return error.message;
    throw error;
  }
};

const questions = [
  { name: 'wish', successes: 1, trials: 10 },
  { name: 'boredom', successes: 2, trials: 10 },
];
const byId = questions.map(({ name: id, ...counts }) => ({ id, ...counts }));
const short = questions.map(({ name, successes: k, trials: n }) => ({ name, k, n }));
const share = { successes: 1, trials: 10 };
const found = 'clusters[0].name is missing: clusters[0] has id, successes, trials';
const design = { baseRate: 0, rate: 0.2, questions: 8, samples: 10, intraClassCorrelation: 0.3 };

it.each<[string, unknown[], string]>([
  ['clusterInterval', [[{ id: 'wish' }]], 'clusters[0].name is missing: clusters[0] has id'],
  ['clusterInterval', [byId], found],
  ['clusterInterval', [short], 'clusters[0].successes is missing: clusters[0] has name, k, n'],
  ['clusterInterval', [questions, { unit: 'seed' }], 'options.unit has to be answer or question or'],
  ['clusterStandardError', [byId], found],
  ['designEffect', [byId], found],
  ['bootstrapClusters', [byId, { seed: 1 }], found],
  ['bootstrapClusters', [questions, {}], 'options.seed is missing: options has nothing in it'],
  [
    'bootstrapClusters',
    [questions, { seed: 1, interval: 'bcaa' }],
    'interval has to be percentile or bca, and is bcaa',
  ],
  [
    'bootstrapModels',
    [[{ name: 'a', clusters: [] }], { seed: 1 }],
    'models[0].questions is missing: models[0] has name',
  ],
  ['bootstrapModels', [[{ name: 'a', questions: byId }], { seed: 1 }], 'models[0].questions[0].name is missing'],
  ['bootstrapPaper', [[{ model: 'a', questions }], { seed: 1 }], 'models[0].name is missing: models[0] has model'],
  ['crossedInterval', [[{ name: 'a', questions: short }]], 'models[0].questions[0].successes is missing'],
  ['poolSeeds', [[{ name: 'a', questions }]], 'models[0].successes is missing: models[0] has name, questions'],
  ['pairedDifference', [questions, byId, { seed: 1 }], 'second[0].name is missing: second[0] has id'],
  [
    'pairedDifference',
    [questions, questions, { seed: 1, permutation: 9 }],
    '"permutation" (did you mean "permutations"?)',
  ],
  [
    'differenceInDifferences',
    [{ treated: questions, control: questions, base_treated: questions, baseControl: questions }, { seed: 1 }],
    '"base_treated" (did you mean "baseTreated"?)',
  ],
  ['mantelHaenszelTest', [byId, questions], 'first[0].name is missing: first[0] has id'],
  ['nonInferiorityOfQuestions', [questions, byId, { margin: 0.1 }], 'base[0].name is missing'],
  ['nonInferiorityOfAnswers', [share, { k: 1, n: 10 }, { margin: 0.1 }], 'base.successes is missing: base has k, n'],
  ['nonInferiorityOfAnswers', [share, share, { confidence: 0.9 }], 'options.margin is missing: options has confidence'],
  ['nonInferiorityOfAnswers', [share, share, { margin: 0.1, leastCorrelation: 0 }], 'setting "leastCorrelation"'],
  ['fisherExact', [{ k: 1, n: 10 }, share], 'first.successes is missing: first has k, n'],
  [
    'fisherExact',
    [
      [1, 10],
      [2, 10],
    ],
    'first has to be an object with successes, trials, and is a list',
  ],
  ['fisherExact', [share, share, 'two_sided'], 'alternative has to be two-sided or greater or less, and is two_sided'],
  ['newcombeInterval', [share, { successes: 1, total: 2 }], 'second.trials is missing: second has successes, total'],
  ['shareSequence', [{ successes: 1, n: 2 }], 'counts.trials is missing: counts has successes, n'],
  ['driftEProcess', [{ k: 1, n: 10 }, share, 0], 'tuned.successes is missing: tuned has k, n'],
  ['driftEProcess', [share, share], 'margin has to be a number, and is undefined'],
  ['driftSequence', [share, [1, 10]], 'base has to be an object with successes, trials, and is a list'],
  ['adjustEValues', [[{ name: 'a', eValue: 2 }]], 'tests[0].weight is missing: tests[0] has name, eValue'],
  ['conformalPValue', [[1], 2], 'score has to be a number, and is a list'],
  ['conformalPValue', [1, [null]], 'harmless[0] has to be a number, and is null'],
  ['conformalThreshold', [0.01, [1]], 'harmless has to be a list, and is 0.01'],
  ['wilsonInterval', [share], 'successes has to be a number, and is an object'],
  ['clopperPearsonInterval', [1], 'trials has to be a number, and is undefined'],
  ['mannWhitney', [[1], [2], 'larger'], 'alternative has to be two-sided or greater or less, and is larger'],
  ['auroc', [[{ score: 1, label: true }]], 'items[0].isPositive is missing: items[0] has score, label'],
  ['auroc', [[{ score: 1, isPositive: 1 }]], 'items[0].isPositive has to be true or false, and is 1'],
  ['adjustPValues', ['family', [{ name: 'a', p: 0.1 }]], 'tests[0].pValue is missing: tests[0] has name, p'],
  ['adjustPValues', ['family', [{ name: 'a', pValue: null }]], 'family: a has the p-value null'],
  ['adjustPValues', ['family', [], 'bonferroni'], 'method has to be holm or benjamini-hochberg, and is bonferroni'],
  ['pairedPower', [{ ...design, seed: 3 }, 'questions'], 'design: unknown setting "seed" (did you mean "seeds"?)'],
  ['pairedPowerNeeds', [{ ...design, rate: undefined }, 'questions'], 'design.rate is missing: design has baseRate,'],
  ['simulatePairedPower', [design, { seed: 0, repetitions: 9 }], 'options: unknown setting "repetitions"'],
  ['confusionCounts', [[['a']], ['a']], 'a pair has to be a list of two, and is a list of 1'],
  ['kappa', [[[1]], 'cubic'], 'weights has to be none or linear or quadratic, and is cubic'],
  ['rankCorrelation', [[[1, 2, 3]]], 'pairs[0] has to be a list of two, and is a list of 3'],
  ['krippendorffAlpha', [[[1, 2]], 'ratio'], 'level has to be nominal or ordinal or interval, and is ratio'],
  ['normalCumulative', ['x'], 'value has to be a number, and is x'],
])('%s, called with likely mistakes, names what is missing or unknown and what was found', (name, given, message) => {
  expect(call(name, ...given)).toContain(message);
});

const readers: readonly [string, readonly unknown[]][] = [
  ['clusterInterval', [questions]],
  ['crossedInterval', [[{ name: 'a', questions }]]],
  ['poolSeeds', [questions]],
  ['auroc', [[]]],
];

it.each(readers)('%s does not pass over a setting that is misspelt', (name, given) => {
  expect(call(name, ...given, { confidance: 0.9 })).toBe(
    'options: unknown setting "confidance" (did you mean "confidence"?)',
  );
  expect(call(name, ...given, { confidence: undefined })).not.toContain('setting');
});
